"""Passwords forgotten, chosen by a mailed link, and changed; what ends when one is."""

from datetime import timedelta

from orders.application import facts, one_time_links
from orders.application.account_records import Account
from orders.application.accounts import API_TOKEN_LIFETIME_S, IDENTITY_LIFETIME_S
from orders.application.commands import Client
from orders.application.one_time_links import MAX_SECRET_CHARACTERS, Purpose, hashed
from orders.application.own_access import end_sessions
from orders.application.password_check import PasswordCheck, plain_email
from orders.application.ports import AuditEntry, Passwords, Transactions, UnitOfWork
from orders.application.sessions import Caller
from orders.domain.account_errors import LinkOver, WrongPassword
from orders.domain.errors import TooManyAttempts, WrongCredentials
from orders.domain.passwords import require_good
from orders.domain.people import Actor

ASKING_WINDOW_S = 3_600
MAILS_PER_PERSON = 3


class PasswordChanges:
    def __init__(
        self,
        transactions: Transactions,
        passwords: Passwords,
        check: PasswordCheck,
        *,
        public_url: str,
        hub_name: str,
        askings_per_address: int,
    ) -> None:
        self._transactions = transactions
        self._passwords = passwords
        self._check = check
        self._public_url = public_url
        self._hub_name = hub_name
        self._askings_per_address = askings_per_address

    def ask(self, email: str, client: Client) -> None:
        """Mail a link to whoever has this e-mail; what is returned does not tell whether there is anybody.

        A person gets three such mails an hour; asking further changes nothing.

        Raises:
            TooManyAttempts: this address asked too often within an hour, for whomever.

        """

        def issue(work: UnitOfWork) -> None:
            if work.accounts.askings(client.address, ASKING_WINDOW_S) >= self._askings_per_address:
                raise TooManyAttempts(ASKING_WINDOW_S)
            work.accounts.note_asking(client.address)
            found = work.accounts.by_email(plain_email(email))
            # Held, so that a burst of askings does not get more mails than there may be.
            account = work.accounts.lock(found.person_id) if found else None
            if account is None or not account.active:
                return
            if work.links.recent(account.person_id, Purpose.PASSWORD_RESET, ASKING_WINDOW_S) < MAILS_PER_PERSON:
                one_time_links.issue(work, account.person_id, Purpose.PASSWORD_RESET, self._public_url)

        self._transactions.run(issue)

    def opened_by(self, secret: str, purpose: Purpose) -> Account:
        """Return whose password a link may set; looking at it does not use it up. Raises LinkOver."""
        return self._transactions.run(lambda work: _owner(work, secret, purpose))

    def choose(self, secret: str, purpose: Purpose, password: str) -> None:
        """Set the password by a link, once; every session and API token of the person ends.

        Raises:
            WeakPassword: the link stays good for another try.
            LinkOver: the link was used, has expired, or never was one.

        """
        account = self.opened_by(secret, purpose)
        self._require_good(password, account)
        fresh = self._passwords.hash(password)

        def set_it(work: UnitOfWork) -> None:
            # First the person, then the link, as `ask` does: two that lock in turn can't wait for each other.
            holder = work.accounts.lock(account.person_id)
            if holder is None or not holder.active or work.links.use(hashed(secret), purpose) != holder.person_id:
                raise LinkOver("this link does not work any more")
            actor = Actor(holder.person_id, holder.role, frozenset())
            _set_password(work, actor, fresh, f"password_by_{purpose}")
            _end_everything(work, holder.person_id)

        self._transactions.run(set_it)

    def change(self, caller: Caller, current: str, new: str, client: Client) -> None:
        """Change the caller's password; all other sessions end, API tokens stay (they are listed beside it).

        Raises:
            WeakPassword, WrongPassword: which of the two passwords was no good.
            TooManyAttempts: as at sign-in.

        """
        person_id = caller.actor.person_id
        require_good(new, about=(caller.email, caller.name, self._hub_name))
        try:
            checked = self._check.check(caller.email, current, client)
        except WrongCredentials as error:
            raise WrongPassword from error
        fresh = self._passwords.hash(new)

        def set_it(work: UnitOfWork) -> None:
            work.accounts.lock(person_id)
            if not work.accounts.still_opens(person_id, checked.password_hash):
                raise WrongPassword
            _set_password(work, caller.actor, fresh, "password_changed")
            end_sessions(work, person_id, but=caller.session_id)

        self._transactions.run(set_it)

    def _require_good(self, password: str, account: Account) -> None:
        require_good(password, about=(account.email, account.name, self._hub_name))


def _end_everything(work: UnitOfWork, person_id: str) -> None:
    """End sessions and tokens, by name and as a whole.

    "Everything until now" does not cover what a request that is under way signs a moment later for a session or token
    that it still saw; by their names such tickets and identities are refused as well.
    """
    end_sessions(work, person_id, but=None)
    soon = work.now() + timedelta(seconds=IDENTITY_LIFETIME_S)
    for token_id in work.accounts.remove_tokens(person_id):
        work.publish(facts.signed_out(person_id, soon, token_id=token_id))
    until = work.now() + timedelta(seconds=API_TOKEN_LIFETIME_S)
    work.publish(facts.signed_out(person_id, until))


def _owner(work: UnitOfWork, secret: str, purpose: Purpose) -> Account:
    is_one = len(secret) <= MAX_SECRET_CHARACTERS and secret.isascii()
    person_id = work.links.owner(hashed(secret), purpose) if is_one else None
    account = work.accounts.find(person_id) if person_id else None
    if account is None or not account.active:
        raise LinkOver("this link does not work any more")
    return account


def _set_password(work: UnitOfWork, actor: Actor, fresh: str, action: str) -> None:
    """Set it, make other mailed links useless, and tell the owner."""
    work.accounts.set_password(actor.person_id, fresh)
    work.accounts.end_links(actor.person_id)
    work.audit(AuditEntry("person", actor.person_id, action, actor, ()))
    work.publish(facts.password_changed(actor.person_id, work.now()))
