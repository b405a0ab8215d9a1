-- What bin/start validated and wrote into nginx.conf; read once, in the master, before the workers fork.
local settings = {}

--- Fill the table that every module shares; called by init_by_lua, again after a reload.
function settings.load(values)
  for name, value in pairs(values) do
    settings[name] = value
  end
  local file = assert(io.open(values.admin_token_file))
  settings.admin_token = file:read("*l")
  file:close()
end

return settings
