-- Reads a body in chunks before anything else, where nginx's own refusals of it (400, 413) have pages of ours.
local guard = require("mercadito.guard")

local receive = {}

receive.body = guard.request(function()
  ngx.req.read_body()
end)

return receive
