"""Who may speak to whom: every way that the policies open, both sides of it, and no other."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.k8s.manifests import COMPONENT, Object, build_own, environment, matches, of_kind, workload, workloads

# Sides that are no pod of the namespace.
PEOPLE, MAIL, MARKET, ELSEWHERE, FIGURES, NAMES, OPERATOR, API = (
    *("people", "mail servers", "the market", "copies", "monitoring", "DNS", "CloudNativePG", "the API server"),
)
CLIENTS_OF_POSTGRES = {
    *("orders-web", "orders-worker", "usda", "usda-crawl", "notify", "backup"),
    *("databases", "migrate-orders", "migrate-usda", "migrate-notify"),
}
CLIENTS_OF_NATS = {"orders-worker", "realtime", "usda", "notify", "provision"}
OURS = ("orders-web", "orders-worker", "realtime", "usda", "notify")
Way = tuple[str, str, int]


def wanted(overlay: str) -> set[Way]:
    """The architecture's ways, and what operating it takes."""
    pausing = {"single": ("orders-web", "realtime", "usda", "notify"), "ha": ("usda",)}[overlay]
    ways: set[Way] = {(PEOPLE, "gateway", 8080), (PEOPLE, "gateway", 8443)}
    ways |= {("gateway", name, 8000) for name in ("orders-web", "realtime", "usda", "notify")}
    ways.add(("gateway", "realtime", 8001))
    ways |= {(name, "postgres", 5432) for name in CLIENTS_OF_POSTGRES}
    ways |= {(name, "nats", 4222) for name in CLIENTS_OF_NATS}
    ways |= {("notify", MAIL, port) for port in (25, 587)}
    ways |= {("backup", ELSEWHERE, port) for port in (22, 443)}
    ways |= {(name, MARKET, 443) for name in ("usda", "usda-crawl")}
    ways |= {(name, "gateway", 8081) for name in pausing}
    ways |= {(FIGURES, name, 8000) for name in OURS} | {(FIGURES, "gateway", 8081)}
    ways |= {(each.name, NAMES, 53) for each in workloads(overlay)}
    if overlay == "ha":
        ways |= {("nats", "nats", 6222), ("postgres", NAMES, 53)}
        ways |= {(by, "postgres", port) for by in ("postgres", OPERATOR) for port in (5432, 8000)}
        ways |= {(FIGURES, "postgres", 9187), ("postgres", API, 443), ("postgres", API, 6443)}
    return ways


def pods(overlay: str) -> dict[str, Object]:
    """The labels of every kind of pod; those of CloudNativePG as the operator sets them."""
    found = {each.name: each.template["metadata"]["labels"] for each in workloads(overlay)}
    for cluster in of_kind(overlay, "Cluster"):
        own = {"cnpg.io/cluster": cluster["metadata"]["name"]}
        found[cluster["metadata"]["name"]] = own | cluster["spec"]["inheritedMetadata"]["labels"]
    return found


def _outside(peer: Object, ports: set[int]) -> str:
    if "ipBlock" in peer:
        if ports == {443, 6443}:
            return API
        if ports == {22, 443}:
            return ELSEWHERE
        return MARKET if peer["ipBlock"].get("except") else MAIL
    (namespace,) = peer["namespaceSelector"]["matchLabels"].values()
    return {"kube-system": NAMES, "monitoring": FIGURES, "cnpg-system": OPERATOR}[namespace]


def _sides(overlay: str, rule: Object, key: str) -> set[str]:
    if key not in rule:
        return {PEOPLE}
    ports = {port["port"] for port in rule["ports"]}
    found: set[str] = set()
    for peer in rule[key]:
        if peer.keys() == {"podSelector"}:
            found |= {name for name, labels in pods(overlay).items() if matches(peer["podSelector"], labels)}
        else:
            found.add(_outside(peer, ports))
    return found


def _rules(overlay: str, side: str) -> Iterator[tuple[str, Any]]:
    for policy in of_kind(overlay, "NetworkPolicy"):
        for name, labels in pods(overlay).items():
            if matches(policy["spec"]["podSelector"], labels):
                yield from ((name, rule) for rule in policy["spec"].get(side, []))


def opened(overlay: str) -> tuple[set[Way], set[Way]]:
    """The ways that sending pods have, and those that receiving pods have."""
    out = {
        (name, to, port["port"])
        for name, rule in _rules(overlay, "egress")
        for to in _sides(overlay, rule, "to")
        for port in rule["ports"]
    }
    into = {
        (by, name, port["port"])
        for name, rule in _rules(overlay, "ingress")
        for by in _sides(overlay, rule, "from")
        for port in rule["ports"]
    }
    return out, into


def test_nobody_speaks_to_anybody_unless_told(overlay: str) -> None:
    (policy,) = [each for each in of_kind(overlay, "NetworkPolicy") if each["metadata"]["name"] == "nobody"]
    assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_the_ways_are_those_of_the_architecture_and_no_others(overlay: str) -> None:
    inside = pods(overlay).keys()
    out, into = opened(overlay)
    ways = wanted(overlay)
    assert out == {way for way in ways if way[0] in inside}
    assert into == {way for way in ways if way[1] in inside}


def test_every_rule_names_its_ports(overlay: str) -> None:
    for side in ("ingress", "egress"):
        assert all(rule["ports"] for _, rule in _rules(overlay, side))
        # An empty selector would be everybody here, and a namespace's alone everybody there.
        peers = [peer for _, rule in _rules(overlay, side) for peer in rule.get("from", rule.get("to", []))]
        assert all(peer and {} not in peer.values() for peer in peers)


def test_a_policy_that_is_there_is_for_some_pod(overlay: str) -> None:
    for policy in of_kind(overlay, "NetworkPolicy"):
        chosen = policy["spec"]["podSelector"]
        assert [name for name, labels in pods(overlay).items() if matches(chosen, labels)], policy["metadata"]["name"]


def test_where_cilium_is_the_network_the_databases_reach_the_api_server(tmp_path: Path) -> None:
    """It takes no range of addresses for nodes: what the other policy opens is not enough there."""
    made = build_own(tmp_path, "ha", ["cilium"])
    (policy,) = [each for each in made if each["kind"] == "CiliumNetworkPolicy"]
    assert policy["metadata"]["namespace"] == "mercadito"
    chosen = [name for name, labels in pods("ha").items() if matches(policy["spec"]["endpointSelector"], labels)]
    assert chosen == ["postgres"]
    assert policy["spec"]["egress"] == [{"toEntities": ["kube-apiserver"]}]


def test_what_a_page_names_leads_a_crawl_to_no_private_address(overlay: str) -> None:
    (policy,) = [each for each in of_kind(overlay, "NetworkPolicy") if each["metadata"]["name"] == "usda-to-the-market"]
    (rule,) = policy["spec"]["egress"]
    closed = [ipaddress.ip_network(net) for peer in rule["to"] for net in peer["ipBlock"]["except"]]
    private = ("10.1.2.3", "172.31.0.1", "192.168.1.1", "127.0.0.1", "169.254.169.254", "100.64.0.1")
    for address in (*private, "fd00:ec2::254", "fe80::1", "::1"):
        assert any(ipaddress.ip_address(address) in net for net in closed), address
    assert not any(ipaddress.ip_address("162.79.24.10") in net for net in closed)


def _is_within(part: str, whole: str) -> bool:
    """Whether Kubernetes takes a range as an exception to another: Go's IPNet.Contains, and not as wide."""
    inner, outer = ipaddress.ip_network(part), ipaddress.ip_network(whole)
    address = inner.network_address
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped  # Go takes it for an IPv4 address, which no range of IPv6 contains
    return address in outer and inner.prefixlen > outer.prefixlen


def test_an_exception_is_one_that_the_api_server_takes(overlay: str) -> None:
    blocks = [
        peer["ipBlock"]
        for side in ("ingress", "egress")
        for _, rule in _rules(overlay, side)
        for peer in rule.get("from", rule.get("to", []))
        if "ipBlock" in peer
    ]
    pairs = [(net, each["cidr"]) for each in blocks for net in each.get("except", [])]
    assert [pair for pair in pairs if not _is_within(*pair)] == []
    assert not _is_within("::ffff:0:0/96", "::/0")
    assert pairs


def test_the_ways_are_the_ones_that_the_settings_lead_to(overlay: str) -> None:
    for each in workloads(overlay):
        told = {name: str(value.get("value")) for name, value in environment(each.main).items()}
        addresses = {
            told[name] for name in ("DATABASE_URL", "MIGRATION_DATABASE_URL", "PGHOST", "DATABASE_HOST") if name in told
        }
        if each.name == "backup-drill":  # it reads its settings with the other's, and speaks to nobody
            continue
        assert (each.name in CLIENTS_OF_POSTGRES) == any("postgres" in address for address in addresses), each.name
        assert (each.name in CLIENTS_OF_NATS) == ("NATS_USER" in told), each.name
    upstreams = {
        value["value"].split(".")[0]: value["value"].rsplit(":", 1)[1]
        for name, value in environment(workload(overlay, "gateway").main).items()
        if name.endswith("_UPSTREAM")
    }
    assert {("gateway", name, int(port)) for name, port in upstreams.items()} <= wanted(overlay)
    assert COMPONENT in workload(overlay, "gateway").template["metadata"]["labels"]
