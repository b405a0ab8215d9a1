// What went wrong, in words that say what to do. The rules come translated with the page: [pattern, what it is, what to do, is it but a remark].

/** Return `{text, advice, isRemark}` of the first rule that fits, or null: then the reason stands for itself. */
export function explain(reason, rules) {
  const rule = rules.find(([pattern]) => new RegExp(pattern, "i").test(reason));
  return rule ? { text: rule[1], advice: rule[2], isRemark: rule[3] === true } : null;
}
