local runner = require("runner")
local settings = require("mercadito.settings")
local token = require("mercadito.token")

return {
  ["only the whole token passes"] = function()
    settings.admin_token = "s3cret"
    runner.same(token.is_shown("Bearer s3cret"), true)
    runner.same(token.is_shown("bearer s3cret"), true)
    for _, wrong in ipairs({ "", "s3cret", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cretx", "Bearer S3cret", "Basic s3cret" }) do
      runner.same(token.is_shown(wrong), false, wrong)
    end
    runner.same(token.is_shown(nil), false)
  end,
}
