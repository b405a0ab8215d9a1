-- The queue against a plain list that is sorted anew each time.
local queue = require("mercadito.queue")
local runner = require("runner")

local STEPS, SEEDS = 400, 20

local function in_order(line)
  local numbers, visit = {}, line:first()
  while visit do
    numbers[#numbers + 1] = visit.arrival
    visit = visit.after
  end
  return numbers
end

local function sorted(model)
  local numbers = {}
  for arrival in pairs(model) do
    numbers[#numbers + 1] = arrival
  end
  table.sort(numbers)
  return numbers
end

local function any(model)
  local numbers = sorted(model)
  return model[numbers[math.random(#numbers)]]
end

--- Insert, bring back, take out at either end or in the middle; compare after every step.
local function walk(seed)
  math.randomseed(seed)
  local line, model, next_arrival, came_back = queue.new(), {}, 1000, 1000
  for _ = 1, STEPS do
    local dice = math.random()
    if dice < 0.45 then
      next_arrival = next_arrival + 1
      model[next_arrival] = { arrival = next_arrival }
      line:insert(model[next_arrival])
    elseif dice < 0.55 then
      came_back = came_back - 1
      model[came_back] = { arrival = came_back }
      line:insert(model[came_back])
    elseif line.size > 0 then
      local visit = dice < 0.8 and line:first() or any(model)
      model[visit.arrival] = nil
      assert(line:remove(visit))
      assert(not line:remove(visit), "taken out twice")
    end
    runner.same(in_order(line), sorted(model))
    runner.same(line.size, #sorted(model))
  end
end

return {
  ["whatever comes, comes back and leaves, it stays in order of arrival and forgets nobody"] = function()
    for seed = 1, SEEDS do
      walk(seed)
    end
  end,
  ["one that comes back between others finds its place"] = function()
    local line = queue.new()
    for _, arrival in ipairs({ 10, 30, 50, 40, 20, 5 }) do
      line:insert({ arrival = arrival })
    end
    runner.same(in_order(line), { 5, 10, 20, 30, 40, 50 })
  end,
  ["the newest of whom something is true is found from the end"] = function()
    local line = queue.new()
    for arrival = 1, 6 do
      line:insert({ arrival = arrival, odd = arrival % 2 == 1 })
    end
    local function is_odd(visit)
      return visit.odd
    end
    runner.same(line:newest(is_odd).arrival, 5)
    runner.same(queue.new():newest(is_odd), nil)
  end,
}
