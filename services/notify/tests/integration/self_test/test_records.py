"""What is made of the records that a real DNS server gives: good ones, bad ones, and those that can't be judged."""

from dataclasses import replace

import pytest
from name_server import SERVFAIL, SILENCE, NameServer
from notify.self_test import domain
from notify.self_test.dns import Dns
from notify.self_test.domain import Identity
from notify.self_test.finding import Finding, Mark
from notify.self_test.relays import Seen
from signed import ed25519_key, rsa_key, signer
from world import relay

US = Identity("mercadito.example", "mercadito.example", "mail.mercadito.example", signer(), takes_bounces=False)
RELAY = Seen(replace(relay(587), host="smtp.relay.example"), ["203.0.113.5", "2001:db8::5"], works=True)
KEY_AT = "2026a._domainkey.mercadito.example"
POLICY_AT = "_dmarc.mercadito.example"


async def found(names: NameServer, check: str, identity: Identity = US, *seen: Seen) -> Finding:
    dns = Dns(("127.0.0.1", names.port), wait_s=0.5)
    findings = await domain.look(dns, identity, seen or [RELAY])
    (finding,) = [each for each in findings if each.check == check]
    assert "\n" not in finding.line
    assert (finding.mark is Mark.OK) == (not finding.todo)
    return finding


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 ip4:203.0.113.0/28 -all",
        "V=SPF1 IP4:203.0.113.5 -ALL",
        "v=spf1 ip6:2001:db8::/32 ~all",
        "v=spf1 a:smtp.relay.example -all",
        "v=spf1 a:near.relay.example/24 -all",
        "v=spf1 a:near.relay.example//64 -all",
        "v=spf1 mx:relay.example -all",
        "v=spf1 include:_spf.relay.example ?all",
        "v=spf1 ip4:192.0.2.1 redirect=_spf.relay.example",
        "v=spf1 exists:%{i}._spf.relay.example include:_spf.relay.example -all",
    ],
)
async def test_an_spf_record_that_names_the_relay_is_good(names: NameServer, record: str) -> None:
    names.txt("mercadito.example", record)
    names.txt("_spf.relay.example", "v=spf1 include:_more.relay.example -all")
    names.txt("_more.relay.example", "v=spf1 ip4:198.51.100.1 ip4:203.0.113.4/30 -all")
    names.records["smtp.relay.example", "A"] = ["203.0.113.5"]
    names.records["near.relay.example", "A"] = ["203.0.113.77"]
    names.records["near.relay.example", "AAAA"] = ["2001:db8::77"]
    names.records["relay.example", "MX"] = ["10 smtp.relay.example."]
    finding = await found(names, "SPF")
    assert finding.mark is Mark.OK
    assert "covers smtp.relay.example" in finding.says


@pytest.mark.parametrize(
    ("records", "mark", "says"),
    [
        ([], Mark.PROBLEM, "has no record"),
        (["v=spf10 -all", "other"], Mark.PROBLEM, "has no record"),
        (["v=spf1 -all", "v=spf1 mx -all"], Mark.PROBLEM, "has 2 records"),
        (["v=spf1 ipv4:203.0.113.5 -all"], Mark.PROBLEM, "'ipv4:203.0.113.5' is no term"),
        (["v=spf1 ip4:203.0.113.500 -all"], Mark.PROBLEM, "is no address"),
        (["v=spf1 +all"], Mark.PROBLEM, "lets everybody send"),
        (["v=spf1 mx all"], Mark.PROBLEM, "lets everybody send"),
        (["v=spf1 include:nobody.example -all"], Mark.PROBLEM, "nobody.example, which it includes, has no SPF record"),
        (["v=spf1 include:mercadito.example -all"], Mark.PROBLEM, "more than 10 look-ups"),
        ([f"v=spf1 {' '.join(f'a:h{number}.example' for number in range(11))} -all"], Mark.PROBLEM, "more than 10"),
        (["v=spf1 ip4:192.0.2.0/24 -all"], Mark.WARNING, "does not name smtp.relay.example"),
        (["v=spf1 -ip4:203.0.113.5 -all"], Mark.WARNING, "does not name smtp.relay.example"),
        (["v=spf1 exists:%{i}.x.example -all"], Mark.WARNING, "it also says exists:%{i}.x.example"),
        (["v=spf1 redirect=open.example"], Mark.PROBLEM, "lets everybody send"),
    ],
)
async def test_an_spf_record_that_does_not_do_is_told(
    names: NameServer, records: list[str], mark: Mark, says: str
) -> None:
    names.records.pop(("mercadito.example", "TXT"))
    if records:
        names.txt("mercadito.example", *records)
    names.txt("open.example", "v=spf1 +all")
    finding = await found(names, "SPF")
    assert (finding.mark, says in finding.says) == (mark, True), finding.line


async def test_an_spf_record_of_several_strings_is_read_as_one(names: NameServer) -> None:
    many = " ".join(f"ip4:192.0.2.{number}" for number in range(60))
    names.txt("mercadito.example", f"v=spf1 {many} ip4:203.0.113.5 -all")
    assert (await found(names, "SPF")).mark is Mark.OK


async def test_what_a_record_says_steers_no_terminal_and_has_an_end(names: NameServer) -> None:
    names.records["mercadito.example", "TXT"] = ['"v=spf1 \\027[31mred\\010 +all"']
    assert "'\\x1b[31mred'" in (await found(names, "SPF")).line
    names.records["mercadito.example", "TXT"] = ['"v=spf1 exp=\\007x +all"']
    line = (await found(names, "SPF")).line
    assert "(v=spf1 exp= x +all)" in line
    names.txt("mercadito.example", f"v=spf1 {'ip4:192.0.2.1 ' * 200} -all")
    assert len((await found(names, "SPF")).line) < 2_000


async def test_of_a_relay_on_this_machine_it_is_not_known_from_where_it_sends(names: NameServer) -> None:
    local = Seen(relay(25), ["127.0.0.1"], works=True)
    assert "not known here" in (await found(names, "SPF", US, local)).says
    both = await found(names, "SPF", US, local, RELAY)
    assert "does not name smtp.relay.example" in both.says


@pytest.mark.parametrize("kind", ["rsa", "long", "ed25519"])
async def test_a_published_key_is_ours(names: NameServer, kind: str) -> None:
    key = {"rsa": rsa_key(), "long": rsa_key(4096), "ed25519": ed25519_key()}[kind]
    dkim = signer(key)
    names.txt(KEY_AT, dkim.record)
    finding = await found(names, "DKIM", replace(US, dkim=dkim))
    assert finding.says.startswith(f"{KEY_AT} holds our key")
    # Few receivers verify Ed25519.
    assert finding.mark is (Mark.WARNING if kind == "ed25519" else Mark.OK)


async def test_a_selector_may_be_an_alias_and_a_record_written_with_blanks(names: NameServer) -> None:
    del names.records[KEY_AT, "TXT"]
    names.records[KEY_AT, "CNAME"] = ["keys.relay.example"]
    names.txt("keys.relay.example", signer().record.replace(";", " ;  ").replace("p=MII", "p=MII "))
    assert (await found(names, "DKIM")).mark is Mark.OK


@pytest.mark.parametrize(
    ("record", "mark", "says"),
    [
        ("", Mark.PROBLEM, "there is no record at"),
        ("v=DKIM1; k=rsa; p=", Mark.PROBLEM, "takes its key back"),
        ("v=DKIM1; k=rsa", Mark.PROBLEM, "holds no DKIM key"),
        ("v=DKIM2; p=x", Mark.PROBLEM, "holds no DKIM key"),
        ("v=DKIM1; k=rsa; p=MIIB", Mark.PROBLEM, "holds another key"),
        ("v=DKIM1; k=rsa; p=%%%", Mark.PROBLEM, "holds another key"),
        (signer(rsa_key(3072)).record, Mark.PROBLEM, "holds another key"),
        (signer(ed25519_key()).record, Mark.PROBLEM, "another type (ed25519, ours is rsa)"),
        (f"{signer().record}; h=sha1", Mark.PROBLEM, "does not allow SHA-256"),
        (f"{signer().record}; s=tlsrpt", Mark.PROBLEM, "is not for mail"),
        (f"{signer().record}; t=y:s", Mark.WARNING, "calls it a test"),
        (f"{signer().record}; s=email; h=sha1:sha256; t=s", Mark.OK, "holds our key"),
        (signer().record.removeprefix("v=DKIM1; k=rsa; "), Mark.OK, "holds our key"),
    ],
)
async def test_what_stands_where_our_key_should_be_is_told(
    names: NameServer, record: str, mark: Mark, says: str
) -> None:
    del names.records[KEY_AT, "TXT"]
    if record:
        names.txt(KEY_AT, record)
    finding = await found(names, "DKIM")
    assert (finding.mark, says in finding.says) == (mark, True), finding.line
    assert mark is not Mark.PROBLEM or signer().record in finding.todo


async def test_two_keys_at_one_selector_and_no_key_at_all_are_told(names: NameServer) -> None:
    names.txt(KEY_AT, signer().record, signer(rsa_key(3072)).record)
    assert "there are 2 records" in (await found(names, "DKIM")).says
    unsigned = await found(names, "DKIM", replace(US, dkim=None))
    assert (unsigned.mark, unsigned.says) == (Mark.WARNING, "mails leave unsigned")


SUBDOMAIN = replace(US, sender="shop.mercadito.example", returns="mercadito.example")
ELSEWHERE = replace(US, dkim=signer(domain="relay.example"), returns="relay.example")


@pytest.mark.parametrize(
    ("identity", "records", "mark", "says"),
    [
        (US, {}, Mark.WARNING, "has no policy"),
        (US, {POLICY_AT: ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}, Mark.PROBLEM, "has 2 records"),
        (US, {POLICY_AT: ["v=DMARC1; p=none"]}, Mark.WARNING, "false mails are let in"),
        (
            US,
            {POLICY_AT: ["other", "v=DMARC1;p=quarantine"]},
            Mark.OK,
            "p=quarantine; DKIM and SPF speak for the domain",
        ),
        (SUBDOMAIN, {POLICY_AT: ["v=DMARC1; p=reject; sp=none"]}, Mark.WARNING, "says p=none"),
        (SUBDOMAIN, {POLICY_AT: ["v=DMARC1; p=reject"]}, Mark.OK, "p=reject; DKIM and SPF speak for"),
        (SUBDOMAIN, {POLICY_AT: ["v=DMARC1; p=reject; adkim=s"]}, Mark.OK, "; SPF speaks for the domain of MAIL_FROM"),
        (SUBDOMAIN, {POLICY_AT: ["v=DMARC1; p=reject; adkim=s; aspf=s"]}, Mark.PROBLEM, "neither DKIM nor SPF speaks"),
        (ELSEWHERE, {POLICY_AT: ["v=DMARC1; p=reject"]}, Mark.PROBLEM, "neither DKIM nor SPF speaks"),
        (replace(ELSEWHERE, dkim=None), {POLICY_AT: ["v=DMARC1; p=reject"]}, Mark.WARNING, "we do not sign"),
        (
            replace(ELSEWHERE, sender="mercadito.example", returns="other.example", dkim=None),
            {"_dmarc.example": ["v=DMARC1; p=reject; psd=y"], POLICY_AT: ["v=DMARC1; p=reject"]},
            Mark.WARNING,
            "the envelope's domain is another one",
        ),
        (
            replace(SUBDOMAIN, sender="a.shop.mercadito.example"),
            {"_dmarc.shop.mercadito.example": ["v=DMARC1; p=reject; psd=n"], POLICY_AT: ["v=DMARC1; p=reject"]},
            Mark.PROBLEM,
            "neither DKIM nor SPF speaks",
        ),
    ],
)
async def test_a_policy_is_found_upwards_and_judged_by_what_proves_our_mails(
    names: NameServer, identity: Identity, records: dict[str, list[str]], mark: Mark, says: str
) -> None:
    del names.records[POLICY_AT, "TXT"]
    for name, texts in records.items():
        names.txt(name, *texts)
    finding = await found(names, "DMARC", identity)
    assert (finding.mark, says in finding.says) == (mark, True), finding.line


BOUNCING = replace(US, returns="bounces.mercadito.example", takes_bounces=True)


@pytest.mark.parametrize(
    ("servers", "mark", "says"),
    [
        ([], Mark.PROBLEM, "has no MX record"),
        (["0 ."], Mark.PROBLEM, "takes no mail"),
        (["10 gone.mercadito.example."], Mark.PROBLEM, "gone.mercadito.example, which has no address"),
        (["20 mail.mercadito.example.", "10 mail.mercadito.example."], Mark.OK, "takes mail at mail.mercadito.example"),
    ],
)
async def test_the_domain_that_bounces_come_to_must_take_mail(
    names: NameServer, servers: list[str], mark: Mark, says: str
) -> None:
    names.txt("bounces.mercadito.example", "v=spf1 ip4:203.0.113.5 -all")
    if servers:
        names.records["bounces.mercadito.example", "MX"] = servers
    finding = await found(names, "bounces", BOUNCING)
    assert (finding.mark, says in finding.says) == (mark, True), finding.line


@pytest.mark.parametrize("trouble", [SERVFAIL, SILENCE])
@pytest.mark.parametrize("check", ["EHLO name", "SPF", "DKIM", "DMARC", "bounces"])
async def test_no_answer_is_not_taken_for_no_record(names: NameServer, check: str, trouble: str) -> None:
    at = {"EHLO name": "mail.mercadito.example", "SPF": "bounces.mercadito.example", "DKIM": KEY_AT,
          "DMARC": POLICY_AT, "bounces": "bounces.mercadito.example"}  # fmt: skip
    names.troubles = {at[check]: trouble}
    finding = await found(names, check, BOUNCING)
    assert finding.mark is Mark.PROBLEM
    assert finding.says.startswith("cannot be known: ")


async def test_a_name_without_address_that_greets_the_relay_is_remarked(names: NameServer) -> None:
    finding = await found(names, "EHLO name", replace(US, greets_as="nowhere.mercadito.example"))
    assert (finding.mark, finding.says) == (Mark.WARNING, "nowhere.mercadito.example has no address")
