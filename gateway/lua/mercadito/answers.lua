-- What a service may not answer with. nginx takes bytes that are no HTTP for an answer of HTTP/0.9, and a status below 200
-- for the last one: the client would get what follows raw, without a header of ours.
local answers = {}

local SWITCHING = 101

--- In the header filter: break the connection off rather than pass on what is no answer.
function answers.check()
  local status = ngx.status
  local early = status < 200 and not (status == SWITCHING and ngx.var.socket_upgrade == "websocket")
  if early or ngx.req.http_version() == 0.9 then
    return ngx.exit(ngx.ERROR)
  end
end

return answers
