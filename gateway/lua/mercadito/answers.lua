-- The header filter: the service has begun to answer.
local gate = require("mercadito.gate")
local request = require("mercadito.request")

local SWITCHING = 101

local answers = {}

-- nginx takes bytes that are no HTTP for an answer of HTTP/0.9, and a status below 200 for the last one: the client would
-- get what follows raw, without a header of ours.
local function is_no_answer(status)
  local early = status < 200 and not (status == SWITCHING and ngx.var.socket_upgrade == "websocket")
  return early or ngx.req.http_version() == 0.9
end

--- Note the beginning of an answer; what is none breaks the connection off.
function answers.begin()
  if is_no_answer(ngx.status) then
    return ngx.exit(ngx.ERROR)
  end
  gate.answer_begins(request.id())
end

return answers
