-- The operator's token.
local bit = require("bit")
local settings = require("mercadito.settings")

local token = {}

--- Compare two texts in a time that depends on their lengths only.
function token.equal(given, wanted)
  if #given ~= #wanted then
    return false
  end
  local difference = 0
  for at = 1, #wanted do
    difference = bit.bor(difference, bit.bxor(given:byte(at), wanted:byte(at)))
  end
  return difference == 0
end

--- Return whether an Authorization header shows the operator's token.
function token.is_shown(authorization)
  local given = (authorization or ""):match("^[Bb]earer +(%S+)$")
  return given ~= nil and token.equal(given, settings.admin_token)
end

return token
