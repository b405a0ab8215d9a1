local negotiation = require("mercadito.negotiation")
local runner = require("runner")

return {
  ["a page only for who names HTML, and never for an interface"] = function()
    runner.same(negotiation.wants_page("/", "text/html,application/xhtml+xml,*/*;q=0.8"), true)
    runner.same(negotiation.wants_page("/", "Text/HTML"), true)
    runner.same(negotiation.wants_page("/", "application/json"), false)
    runner.same(negotiation.wants_page("/", "*/*"), false)
    runner.same(negotiation.wants_page("/", nil), false)
    runner.same(negotiation.wants_page("/api/v1/me", "text/html"), false)
    runner.same(negotiation.wants_page("/ws", "text/html"), false)
  end,
  ["the language liked best, else English"] = function()
    runner.same(negotiation.language("es"), "es")
    runner.same(negotiation.language("es-MX,es;q=0.9,en;q=0.8"), "es")
    runner.same(negotiation.language("fr, en;q=0.3, es;q=0.7"), "es")
    runner.same(negotiation.language("en;q=0.5, es;q=0.5"), "en")
    runner.same(negotiation.language("es;q=0"), "en")
    runner.same(negotiation.language("fr"), "en")
    runner.same(negotiation.language(nil), "en")
    runner.same(negotiation.language(";;q=,,"), "en")
  end,
  ["what was chosen in the shop comes first, if we speak it"] = function()
    runner.same(negotiation.language("en", "es"), "es")
    runner.same(negotiation.language("es", "en"), "en")
    runner.same(negotiation.language("es", "fr"), "es")
  end,
}
