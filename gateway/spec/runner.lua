-- Runs one spec: a module that returns {sentence = function}. A spec fails by raising an error.
local runner = {}

--- Raise unless two values are equal; tables are compared by their members.
function runner.same(got, wanted, path)
  path = path or "value"
  if type(got) == "table" and type(wanted) == "table" then
    for key, value in pairs(wanted) do
      runner.same(got[key], value, path .. "." .. tostring(key))
    end
    for key in pairs(got) do
      assert(wanted[key] ~= nil, path .. "." .. tostring(key) .. " is too much")
    end
  else
    assert(got == wanted, path .. " is " .. tostring(got) .. ", not " .. tostring(wanted))
  end
end

--- Return a line per sentence: `ok: …` or `failed: …: why`.
function runner.run(name)
  local sentences = {}
  local spec = require(name)
  for sentence in pairs(spec) do
    sentences[#sentences + 1] = sentence
  end
  table.sort(sentences)
  local lines = {}
  for index, sentence in ipairs(sentences) do
    local fine, why = pcall(spec[sentence])
    lines[index] = fine and "ok: " .. sentence or "failed: " .. sentence .. ": " .. tostring(why)
  end
  return table.concat(lines, "\n") .. "\n"
end

return runner
