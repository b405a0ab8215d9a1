-- What the gateway itself says, in both languages: {title, what to do}.
local words = {}

words.en = {
  ["unavailable"] = {
    "One moment, please",
    "This part of the shop is starting again. Nothing was changed; try again in a few seconds.",
  },
  ["outcome-unknown"] = {
    "We can't tell whether that was done",
    "The connection broke after we passed it on. Look at your orders before you send it again.",
  },
  ["declined"] = { "Not at the moment", "This part of the shop can't do that just now. Try again in a few seconds." },
  ["bad-gateway"] = { "That did not work", "The answer could not be read. Try again." },
  ["timeout"] = { "That took too long", "No answer came in time. Try again in a moment." },
  ["too-large"] = { "That is too large", "Send less at a time." },
  ["too-many-requests"] = { "That was a lot at once", "Wait a few seconds, then go on." },
  ["not-found"] = { "There is nothing here", "The address may be mistyped, or the page has moved." },
  ["forbidden"] = { "This is not open to you", "Sign in with another account, or go back." },
  ["method-not-allowed"] = { "That can't be done here", "Go back and try another way." },
  ["bad-request"] = { "We could not read that", "Your browser sent something we do not understand." },
  ["headers-too-large"] = { "Your browser sent too much", "Delete this site's cookies and try again." },
  ["internal"] = { "Something broke on our side", "It is written down. Try again in a moment." },
}

words.es = {
  ["unavailable"] = {
    "Un momento, por favor",
    "Esta parte de la tienda se está reiniciando. No se cambió nada; intente de nuevo en unos segundos.",
  },
  ["outcome-unknown"] = {
    "No sabemos si se hizo",
    "La conexión se cortó después de pasarlo. Revise sus pedidos antes de enviarlo otra vez.",
  },
  ["declined"] = { "Ahora mismo no", "Esta parte de la tienda no puede hacerlo en este momento. Intente de nuevo en unos segundos." },
  ["bad-gateway"] = { "Eso no funcionó", "No se pudo leer la respuesta. Intente de nuevo." },
  ["timeout"] = { "Tardó demasiado", "No hubo respuesta a tiempo. Intente de nuevo en un momento." },
  ["too-large"] = { "Es demasiado grande", "Envíe menos a la vez." },
  ["too-many-requests"] = { "Fueron muchas a la vez", "Espere unos segundos y siga." },
  ["not-found"] = {
    "Aquí no hay nada",
    "Puede que la dirección esté mal escrita o que la página se haya movido.",
  },
  ["forbidden"] = { "Esto no está abierto para usted", "Entre con otra cuenta o regrese." },
  ["method-not-allowed"] = { "Eso no se puede hacer aquí", "Regrese e intente de otra forma." },
  ["bad-request"] = { "No pudimos leer eso", "Su navegador envió algo que no entendemos." },
  ["headers-too-large"] = { "Su navegador envió demasiado", "Borre las cookies de este sitio e intente de nuevo." },
  ["internal"] = { "Algo falló de nuestro lado", "Quedó anotado. Intente de nuevo en un momento." },
}

words.page = {
  en = { again = "Try again", home = "To the shop", number = "Request number" },
  es = { again = "Intentar de nuevo", home = "A la tienda", number = "Número de solicitud" },
}

return words
