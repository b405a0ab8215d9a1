-- Which form and language of an error the client reads. Pure.
local negotiation = {}

local LANGUAGES = { en = true, es = true }

--- Return true for a page: the client names HTML and the path is not an interface's.
function negotiation.wants_page(path, accept)
  if path:find("^/api/") or path == "/ws" or path == "/sse" then
    return false
  end
  return (accept or ""):lower():find("text/html", 1, true) ~= nil
end

--- Return "en" or "es": the one chosen in the shop (its cookie), else the one the client likes best, else English.
function negotiation.language(accept_language, chosen)
  if LANGUAGES[chosen] then
    return chosen
  end
  local best, best_weight = "en", 0
  for part in (accept_language or ""):lower():gmatch("[^,]+") do
    local code = part:match("^%s*(%a+)")
    local weight = tonumber(part:match(";%s*q=([%d.]+)")) or 1
    if LANGUAGES[code] and weight > best_weight then
      best, best_weight = code, weight
    end
  end
  return best
end

return negotiation
