"""Words for scripts: what the market prices pages say."""

from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.reader import ngettext
from orders.entrypoints.pages.words import Words, both


def market_search_words() -> Words:
    """Return what market-prices.js says."""
    return {
        **_price_words(),
        "any": _("Any"),
        "notSaid": _("not said"),
        "organicOnly": _("Organic"),
        "conventional": _("Conventional"),
        "nothingFound": _("The market reports know nothing called “%(text)s”. Try fewer letters, or the English name."),
        "nothingYet": _("No market report has come in yet. They come every market day about noon."),
        "commoditiesFound": both(
            ngettext("%(num)s product found", "%(num)s products found", 1),
            ngettext("%(num)s product found", "%(num)s products found", 2),
        ),
        "seriesCount": both(ngettext("%(num)s kind", "%(num)s kinds", 1), ngettext("%(num)s kind", "%(num)s kinds", 2)),
        "seriesFound": both(
            ngettext("%(num)s price found", "%(num)s prices found", 1),
            ngettext("%(num)s price found", "%(num)s prices found", 2),
        ),
        "noneFits": _("Nothing fits all of this. Choose “Any” somewhere."),
        "noneOf": _("No prices of “%(name)s” are known."),
        "showRest": both(
            ngettext("Show %(num)s more", "Show %(num)s more", 1), ngettext("Show %(num)s more", "Show %(num)s more", 2)
        ),
        "quotedOn": _("quoted %(day)s"),
        "oldOn": _("old price, of %(day)s"),
        "namedOn": _("in the report of %(day)s"),
    }


def market_series_words() -> Words:
    """Return what market-series.js says."""
    return {**_price_words(), **_sentences(), **_chart_words(), **_estimate_words()}


def _price_words() -> Words:
    return {
        "range": _("%(low)s\u2013%(high)s"),
        "organic": _("organic"),
        "noPrice": _("no price"),
        "middle": _("middle %(price)s"),
        "up": _("up %(share)s on last week"),
        "down": _("down %(share)s on last week"),
        "level": _("as last week"),
        "andMore": both(
            ngettext("And %(num)s more change.", "And %(num)s more changes.", 1),
            ngettext("And %(num)s more change.", "And %(num)s more changes.", 2),
        ),
    }


def _sentences() -> Words:
    return {
        "perPackage": _("a package"),
        "perPound": _("a pound"),
        "perKilo": _("a kilogram"),
        "perPiece": _("a piece"),
        "perUnit": _("per %(unit)s"),
        "summaryNone": _("%(name)s: no price is known."),
        "summaryNow": _("%(name)s, %(market)s: %(price)s %(per)s on %(day)s."),
        "summaryWeek": _("On %(day)s it was %(price)s, so it is %(move)s."),
        "summaryExpected": _("For %(day)s we expect %(low)s to %(high)s; that is our estimate, not the USDA's."),
        "figureLast": _("Last quote, %(day)s"),
        "figureBefore": _("A week before, %(day)s"),
        "figureExpected": _("Expected for %(day)s"),
        "figureEstimate": _("our estimate, not the USDA's"),
        "axis": _("Dollars %(per)s"),
        "otherPrices": _("More prices: %(name)s"),
        "old": both(
            ngettext(
                "Old price: the last quote is %(num)s market day old, of %(day)s.",
                "Old price: the last quote is %(num)s market days old, of %(day)s.",
                1,
            ),
            ngettext(
                "Old price: the last quote is %(num)s market day old, of %(day)s.",
                "Old price: the last quote is %(num)s market days old, of %(day)s.",
                2,
            ),
        ),
        "weightStated": _("The report states %(weight)s lb a package: %(price)s a pound."),
        "weightRange": _("The report states a range of weights, %(weight)s lb in the middle: about %(price)s a pound."),
        "weightHandbook": _(
            "By the USDA's Agricultural Handbook 697 such a package weighs %(weight)s lb: about %(price)s a pound."
        ),
        "weightAbout": _("The report states about %(weight)s lb a package: about %(price)s a pound."),
        "reportNumber": _("report %(number)s"),
        "source": _("Source: USDA, %(report)s, %(market)s, %(day)s."),
        "newQuote": _("A new quote came in: %(price)s, %(day)s."),
        "withdrawn": _("A correction took back the quote of %(day)s."),
    }


def _chart_words() -> Words:
    return {
        "layerRange": _("Lowest to highest"),
        "layerMostly": _("Mostly"),
        "layerReference": _("Middle price; the dot is the last quote"),
        "layerTrend": _("Trend, %(share)s a week, with its own band"),
        "layerEstimate": _("Our estimate: most likely, and where 8 of 10 prices should fall"),
        "layerOwn": _("Our price: %(name)s"),
        "lastMonth": _("1 month"),
        "lastQuarter": _("3 months"),
        "lastYear": _("1 year"),
        "allDays": _("Everything"),
        "dayTold": _("%(range)s, middle %(reference)s"),
        "dayMostly": _("mostly %(range)s"),
        "dayExpected": _("our estimate %(low)s to %(high)s, most likely %(value)s"),
        "dayOwn": _("%(name)s at our price: %(price)s a package"),
        "dayElsewhere": _("%(market)s: %(price)s"),
        "dayNothing": _("no quote"),
        "estimate": _("estimate"),
        "marketLast": _("%(price)s, %(day)s"),
    }


def _estimate_words() -> Words:
    return {
        "trend": _(
            "Trend: the price has moved by about %(share)s a week lately; as closely as can be told,"
            " between %(low)s and %(high)s."
        ),
        "method": _("The estimate is ours, made from %(num)s quotes up to %(day)s: %(how)s."),
        "methodNaive": _("it takes the price to stay as it was last, since here nothing did better"),
        "methodDrift": _("it carries the direction of the last weeks on, and lets it fade"),
        "methodChange": _("it carries part of the last changes on"),
        "methodSeason": _("it follows the season as in the years before"),
        "methodMean": _("it takes the average of the last days"),
        "methodSmooth": _("it takes an average that counts the newest days most"),
        "methodOther": _("it carries on what did best on the past of this price"),
        "afterDays": both(
            ngettext("%(num)s market day ahead", "%(num)s market days ahead", 1),
            ngettext("%(num)s market day ahead", "%(num)s market days ahead", 2),
        ),
        "afterWeeks": both(
            ngettext("%(num)s week ahead", "%(num)s weeks ahead", 1),
            ngettext("%(num)s week ahead", "%(num)s weeks ahead", 2),
        ),
        "tried": both(
            ngettext(
                "%(after)s, tried on %(num)s past day: off by %(miss)s on average (“as it was” was off by %(same)s);"
                " %(inside)s of the prices fell into the band.",
                "%(after)s, tried on %(num)s past days: off by %(miss)s on average (“as it was” was off by %(same)s);"
                " %(inside)s of the prices fell into the band.",
                1,
            ),
            ngettext(
                "%(after)s, tried on %(num)s past day: off by %(miss)s on average (“as it was” was off by %(same)s);"
                " %(inside)s of the prices fell into the band.",
                "%(after)s, tried on %(num)s past days: off by %(miss)s on average (“as it was” was off by %(same)s);"
                " %(inside)s of the prices fell into the band.",
                2,
            ),
        ),
        "notTried": _("There are too few past days yet to tell how far off the estimate usually is."),
        "tooFew": _("No estimate: there are too few quotes to learn from yet (15 are needed)."),
        "tooOld": _("No estimate: the last quote is too old."),
        "noEstimate": _("There is no estimate for this price yet."),
    }
