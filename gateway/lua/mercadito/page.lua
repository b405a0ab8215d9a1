-- An error as a page. The template is read once, with the code.
local settings = require("mercadito.settings")
local words = require("mercadito.words")

local page = {}
local template

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escape(text)
  return (text:gsub('[&<>"]', ENTITIES))
end

--- Read the template; called in the master, so that workers need no right to read it.
function page.load()
  local file = assert(io.open(settings.home .. "/pages/error.html"))
  template = file:read("*a")
  file:close()
end

--- Return the page that says `text` ({title, what to do}).
function page.render(language, status, text, request_id)
  local labels = words.page[language]
  local values = {
    language = language, title = text[1], detail = text[2], status = tostring(status), request_id = request_id,
    again = labels.again, home = labels.home, number = labels.number,
  }
  return (template:gsub("{{(%w+_?%w*)}}", function(name)
    return escape(values[name])
  end))
end

return page
