-- The gateway's own errors, as RFC 9457 problems or as pages in the shop's look, in the client's language.
local json = require("mercadito.json")
local negotiation = require("mercadito.negotiation")
local page = require("mercadito.page")
local words = require("mercadito.words")

local CLOSE = 444 -- nginx's own: the connection ends without an answer

local problem = {}

local TYPE = "https://mercadito.example/problems/"
local SLUGS = {
  [400] = "bad-request", [403] = "forbidden", [404] = "not-found", [405] = "method-not-allowed", [413] = "too-large",
  [414] = "bad-request", [429] = "too-many-requests", [431] = "headers-too-large", [503] = "unavailable",
}

local function send(content_type, body)
  ngx.header["Content-Type"] = content_type
  ngx.header["Content-Length"] = #body
  ngx.print(body)
end

local function as_problem(status, slug, text, path)
  return json.encode({
    type = TYPE .. slug,
    title = text[1],
    status = status,
    detail = text[2],
    instance = path,
    request_id = ngx.var.request_id,
  })
end

--- End the request with an error of the gateway's own. `options`: `retry_after` in seconds, `words` names other words
-- than the slug's.
function problem.answer(status, slug, options)
  options = options or {}
  local path = (ngx.var.request_uri or "/"):match("^[^?]*")
  local language = negotiation.language(ngx.var.http_accept_language, ngx.var.cookie_mercadito_language)
  local text = words[language][options.words or slug]
  ngx.status = status
  ngx.header["Retry-After"] = options.retry_after or (status == 429 and 1 or nil)
  ngx.header["Cache-Control"] = "no-store"
  ngx.header["Content-Language"] = language
  ngx.header["Vary"] = "Accept, Accept-Language, Cookie"
  if negotiation.wants_page(path, ngx.var.http_accept) then
    send("text/html; charset=utf-8", page.render(language, status, text, ngx.var.request_id))
  else
    send("application/problem+json", as_problem(status, slug, text, path))
  end
  -- Exiting with the status itself would set off error_page again.
  return ngx.exit(ngx.HTTP_OK)
end

--- Answer what nginx found wrong by itself (error_page leads here).
function problem.answer_for_nginx()
  if ngx.req.http_version() < 1 then
    -- HTTP/0.9 has no head to say anything in.
    return ngx.exit(CLOSE)
  end
  local status = ngx.status
  return problem.answer(status, SLUGS[status] or (status < 500 and "bad-request" or "internal"))
end

--- Answer what is refused unseen (maps.conf, $refused).
function problem.refuse()
  local status = tonumber(ngx.var.refused)
  if status == CLOSE then
    return ngx.exit(CLOSE)
  end
  return problem.answer(status, SLUGS[status])
end

return problem
