-- JSON out. Debian's packages for nginx bring no JSON library, and nothing here reads JSON.
local json = {}

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape(character)
  return ESCAPES[character] or string.format("\\u%04x", character:byte())
end

local function quote(text)
  return '"' .. text:gsub('[%c"\\]', escape) .. '"'
end

local encode

local function encode_table(value)
  local parts = {}
  if value[1] ~= nil then
    for index, item in ipairs(value) do
      parts[index] = encode(item)
    end
    return "[" .. table.concat(parts, ", ") .. "]"
  end
  for name, item in pairs(value) do
    parts[#parts + 1] = quote(name) .. ": " .. encode(item)
  end
  table.sort(parts)
  return "{" .. table.concat(parts, ", ") .. "}"
end

function encode(value)
  local kind = type(value)
  if kind == "table" then
    return encode_table(value)
  elseif kind == "string" then
    return quote(value)
  elseif kind == "number" and value % 1 == 0 then
    return string.format("%d", value)
  end
  return tostring(value)
end

--- Return a value as JSON text: tables with [1] are lists, all others objects with their members in order of name.
json.encode = encode

return json
