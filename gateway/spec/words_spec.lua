local words = require("mercadito.words")

local function complete(one, other)
  for name, text in pairs(one) do
    assert(other[name], name .. " is missing")
    local parts = type(text) == "table" and text or { text }
    for index, part in ipairs(parts) do
      local twin = type(other[name]) == "table" and other[name][index] or other[name]
      assert(part ~= "" and part ~= twin, name .. " is not translated")
    end
  end
end

return {
  ["everything is said in English and in Spanish"] = function()
    complete(words.en, words.es)
    complete(words.es, words.en)
    complete(words.page.en, words.page.es)
    complete(words.page.es, words.page.en)
  end,
}
