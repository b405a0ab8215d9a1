"""What a mail provider tells of mails that came back, by its signed webhook (Standard Webhooks)."""

import base64
import hashlib
import hmac
import json
import time
import uuid

import httpx

from tests.driver.system import System


def report(system: System, *events: dict[str, str]) -> dict[str, int]:
    """Tell it; return how many were news, known already, and about no mail of ours."""
    key = (system.run_dir / "secrets" / "bounce_webhook_key").read_text().strip().encode()
    body = json.dumps({"events": events}).encode()
    post_id, at = f"msg_{uuid.uuid4()}", str(int(time.time()))
    mac = base64.b64encode(hmac.digest(key, f"{post_id}.{at}.".encode() + body, hashlib.sha256)).decode()
    signed = {"webhook-id": post_id, "webhook-timestamp": at, "webhook-signature": f"v1,{mac}"}
    headers = {"Content-Type": "application/json", **signed}
    answer = httpx.post(f"{system.url}/mail/bounces", content=body, headers=headers, timeout=40, verify=False)
    assert answer.status_code == 200, answer.text
    counted: dict[str, int] = answer.json()
    return counted
