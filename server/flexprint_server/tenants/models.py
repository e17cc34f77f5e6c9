"""Dealer > customer > site > agent, the people who look at them, and the keys that let agents in."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    Select,
    String,
    Text,
    UniqueConstraint,
    and_,
    false,
    or_,
    select,
    text,
)
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column, relationship

from flexprint_server.database import BigKey, Ids, Json, Model, Scope
from flexprint_server.mail.models import OutgoingMail


class Dealer(Model):
    __tablename__ = "dealer"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    created_at: Mapped[datetime]
    wants_second_factor: Mapped[bool] = mapped_column(default=False)

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return cls.id == scope.dealer_id


class User(Model):
    """Someone who signs in. `email` is kept in lower case. `role` is one of roles.ROLES; `customer_id` names whose user
    it is where the role is that of a customer, and `only_sites` the ids of the sites that such a user sees, None for
    all. `oidc_subject` is whom the dealer's own provider knew the user as when it first signed them in."""

    __tablename__ = "user_account"

    id: Mapped[int] = mapped_column(primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"), index=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(20))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    only_sites: Mapped[list[int] | None] = mapped_column(Ids)
    oidc_subject: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime]
    last_sign_in_at: Mapped[datetime | None]

    dealer: Mapped[Dealer] = relationship()

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        of_dealer = cls.dealer_id == scope.dealer_id
        return of_dealer if scope.customer_id is None else of_dealer & (cls.customer_id == scope.customer_id)


class Invitation(Model):
    """Somebody who may become a user, with `role`, `customer_id` and `only_sites` as a User has them. The link in the
    mail holds a token; here is only its SHA-256. Gone once it is taken up or withdrawn."""

    __tablename__ = "invitation"
    __table_args__ = (UniqueConstraint("dealer_id", "email"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"))
    email: Mapped[str] = mapped_column(String(254))
    role: Mapped[str] = mapped_column(String(20))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    only_sites: Mapped[list[int] | None] = mapped_column(Ids)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    mail_id: Mapped[int | None] = mapped_column(ForeignKey(OutgoingMail.id, ondelete="SET NULL"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        of_dealer = cls.dealer_id == scope.dealer_id
        return of_dealer if scope.customer_id is None else of_dealer & false()


class SignIn(Model):
    """One signed-in browser. The cookie holds a token; here is only its SHA-256. `address` and `browser` say where
    from, for the account's own page. While it `waits_for_code`, the password was right and it opens nothing."""

    __tablename__ = "sign_in"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    csrf_token: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    address: Mapped[str | None] = mapped_column(String(45))
    browser: Mapped[str | None] = mapped_column(String(60))
    waits_for_code: Mapped[bool] = mapped_column(default=False)

    user: Mapped[User] = relationship()

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return cls.user_id.in_(users_of(scope))


class PasswordReset(Model):
    """A link to a new password that waits to be used, one for each user. Only the SHA-256 of its token is kept."""

    __tablename__ = "password_reset"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), unique=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return cls.user_id.in_(users_of(scope))


class SecondFactor(Model):
    """A user's secret for one-time codes, encrypted, and the newest step of the clock whose code was used."""

    __tablename__ = "second_factor"

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    last_step: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return cls.user_id.in_(users_of(scope))


class RecoveryCode(Model):
    """A code that stands for one of SecondFactor, once. Only its SHA-256 is kept; gone when it is used."""

    __tablename__ = "recovery_code"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary(32))

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return cls.user_id.in_(users_of(scope))


def users_of(scope: Scope) -> Select[int]:
    """The ids of the users that a scope sees."""
    users = User.__table__.c
    ids = select(users.id).where(users.dealer_id == scope.dealer_id)
    return ids if scope.customer_id is None else ids.where(users.customer_id == scope.customer_id)


class SignInFailure(Model):
    """A failed sign-in, remembered for a quarter of an hour to slow guessing down. `key` is a hash of the
    address or of the account name that failed."""

    __tablename__ = "sign_in_failure"
    __table_args__ = (Index(None, "key", "failed_at"), Index(None, "failed_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary(32))
    failed_at: Mapped[datetime]


class Customer(Model):
    __tablename__ = "customer"
    __table_args__ = (UniqueConstraint("dealer_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"))
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        of_dealer = cls.dealer_id == scope.dealer_id
        return of_dealer if scope.customer_id is None else of_dealer & (cls.id == scope.customer_id)


class Site(Model):
    __tablename__ = "site"
    __table_args__ = (UniqueConstraint("customer_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"), index=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]

    customer: Mapped[Customer] = relationship()

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return _seen(cls.dealer_id, cls.customer_id, cls.id, scope)


def _seen(
    dealer_id: ColumnElement[int] | InstrumentedAttribute[int],
    customer_id: ColumnElement[int] | InstrumentedAttribute[int],
    site_id: ColumnElement[int] | InstrumentedAttribute[int],
    scope: Scope,
) -> ColumnElement[bool]:
    """What a scope sees of the sites."""
    conditions = [dealer_id == scope.dealer_id]
    if scope.customer_id is not None:
        conditions.append(customer_id == scope.customer_id)
    if scope.site_ids is not None:
        conditions.append(site_id.in_(scope.site_ids))
    return and_(*conditions)


def of_dealer_at_site(
    dealer_id: ColumnElement[int] | InstrumentedAttribute[int],
    site_id: ColumnElement[int] | InstrumentedAttribute[int] | InstrumentedAttribute[int | None],
    scope: Scope,
) -> ColumnElement[bool]:
    """What a scope sees of a table whose rows belong to a dealer's site."""
    of_dealer = dealer_id == scope.dealer_id
    return of_dealer if scope.customer_id is None else of_dealer & site_id.in_(sites_of(scope))


def sites_of(scope: Scope) -> Select[int]:
    """The ids of the sites that a scope sees."""
    # On the table and not the model, whose own condition would be added once more.
    sites = Site.__table__.c
    return select(sites.id).where(_seen(sites.dealer_id, sites.customer_id, sites.id, scope))


class InstallKey(Model):
    """A key that enrols one agent, once. Only its SHA-256 is kept."""

    __tablename__ = "install_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"), index=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    key_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return of_dealer_at_site(cls.dealer_id, cls.site_id, scope)


class Agent(Model):
    """One installed agent. `last_sequence` and `last_hash` are its newest stored batch: the head of its chain.
    `refusal` is why a batch of it was last refused (the slug of ingest.refusals). At `retired_at` somebody said that it
    is gone, which holds until it is heard of again."""

    __tablename__ = "agent"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"), index=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), index=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary(32))
    host: Mapped[str] = mapped_column(String(255))
    platform: Mapped[str] = mapped_column(String(255))
    version: Mapped[str] = mapped_column(String(50))
    enrolled_at: Mapped[datetime]
    last_seen_at: Mapped[datetime | None]
    last_sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    last_hash: Mapped[bytes] = mapped_column(LargeBinary(32), default=bytes(32))
    recipients: Mapped[list[str]] = mapped_column(Json, default=list)
    refused_at: Mapped[datetime | None]
    refusal: Mapped[str | None] = mapped_column(String(40))
    retired_at: Mapped[datetime | None]

    site: Mapped[Site] = relationship()

    @property
    def is_retired(self) -> bool:
        """agents.is_retired() of this one."""
        if self.retired_at is None:
            return False
        return self.last_seen_at is None or self.last_seen_at <= self.retired_at

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return of_dealer_at_site(cls.dealer_id, cls.site_id, scope)


class SettingValue(Model):
    """A setting that somebody settled (setting_facts), for a dealer or a customer, site or agent of it: `place` says
    where, as settings.Place.key does. The other column that names it takes the row along when the place is removed."""

    __tablename__ = "setting_value"

    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"), primary_key=True)
    place: Mapped[str] = mapped_column(String(45), primary_key=True)
    name: Mapped[str] = mapped_column(String(30), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    set_at: Mapped[datetime]
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"), index=True)
    agent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"), index=True)

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        """A customer's user sees what holds for that customer, the dealer's own settings included."""
        of_dealer = cls.dealer_id == scope.dealer_id
        if scope.customer_id is None:
            return of_dealer
        agents = Agent.__table__.c
        of_agent = cls.agent_id.in_(select(agents.id).where(agents.site_id.in_(sites_of(scope))))
        of_all = cls.customer_id.is_(None) & cls.site_id.is_(None) & cls.agent_id.is_(None)
        here = or_(of_all, cls.customer_id == scope.customer_id, cls.site_id.in_(sites_of(scope)), of_agent)
        return of_dealer & here


class OidcProvider(Model):
    """Where a dealer's people sign in with their own accounts (tenants.oidc). `link` stands in the address of the page
    that leads there; the secret is encrypted; the provider is trusted with addresses of `domains`, verified or not."""

    __tablename__ = "oidc_provider"

    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"), primary_key=True)
    link: Mapped[str] = mapped_column(String(20), unique=True)
    issuer: Mapped[str] = mapped_column(String(500))
    client_id: Mapped[str] = mapped_column(String(500))
    client_secret: Mapped[bytes] = mapped_column(LargeBinary)
    domains: Mapped[list[str]] = mapped_column(Json)
    created_at: Mapped[datetime]

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        of_dealer = cls.dealer_id == scope.dealer_id
        return of_dealer if scope.customer_id is None else of_dealer & false()


class ApiKey(Model):
    """A key that lets a program ask for what its `scopes` say (api_keys.SCOPES). Only its SHA-256 is kept; `begins` is
    how people tell it from others."""

    __tablename__ = "api_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    begins: Mapped[str] = mapped_column(String(20))
    key_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    scopes: Mapped[list[str]] = mapped_column(Json)
    made_by: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        of_dealer = cls.dealer_id == scope.dealer_id
        return of_dealer if scope.customer_id is None else of_dealer & false()


class AuditEntry(Model):
    """One deed of a person, of a key or of the collector's operator (see audit.note). Rows are only ever added; the
    database refuses everything else."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index(None, "dealer_id", "id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"))
    at: Mapped[datetime]
    user_id: Mapped[int | None]
    who: Mapped[str] = mapped_column(String(254))
    what: Mapped[str] = mapped_column(String(60))
    target: Mapped[str] = mapped_column(String(200))
    before: Mapped[Any | None] = mapped_column(Json)
    after: Mapped[Any | None] = mapped_column(Json)

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        of_dealer = cls.dealer_id == scope.dealer_id
        return of_dealer if scope.customer_id is None else of_dealer & false()


class CollectorKey(Model):
    """A key of the collector itself: `identity` (Ed25519, signs the others) or `sealing` (X25519, agents seal
    to it). The private half is encrypted under FLEXPRINT_SECRET_KEY. Retired keys stay: old batches are
    opened with them."""

    __tablename__ = "collector_key"
    __table_args__ = (
        # Two processes that start at once must not both make the first key.
        Index(
            "uq_collector_key_current",
            "purpose",
            unique=True,
            postgresql_where=text("retired_at IS NULL"),
            sqlite_where=text("retired_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(String(10))
    key_id: Mapped[bytes] = mapped_column(LargeBinary(8), unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary(32))
    private_key: Mapped[bytes] = mapped_column(LargeBinary(128))
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class AgentState(Model):
    """What an agent told of itself when it last checked in (flexprint_shared.checkin). `counter` is that of the
    check-in, `clock_offset_s` how much its clock is ahead of ours. `handed` is the version of the settings that it
    took, `unfit` why it did not take some, by name, `allows` what its customer lets the dealer settle."""

    __tablename__ = "agent_state"

    agent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"), index=True)
    counter: Mapped[int] = mapped_column(BigInteger)
    checked_in_at: Mapped[datetime]
    clock_offset_s: Mapped[int] = mapped_column(BigInteger)
    next_wake_at: Mapped[datetime | None]
    health: Mapped[dict[str, Any]] = mapped_column(Json)
    settings: Mapped[dict[str, str]] = mapped_column(Json)
    allows: Mapped[list[str]] = mapped_column(Json)
    handed: Mapped[str | None] = mapped_column(String(64))
    unfit: Mapped[dict[str, str]] = mapped_column(Json)

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return _of_agents(cls.dealer_id, cls.agent_id, scope)


class AgentCommand(Model):
    """Something that an agent was told to do: one of flexprint_shared.checkin.COMMANDS. `state`: waiting, sent, one of
    COMMAND_STATES, expired. An agent is told again until it has answered, and does it once."""

    __tablename__ = "agent_command"
    __table_args__ = (Index(None, "agent_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"), index=True)
    agent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(10))
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(String(254))
    state: Mapped[str] = mapped_column(String(12))
    settled_at: Mapped[datetime | None]
    said: Mapped[str | None] = mapped_column(String(300))

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return _of_agents(cls.dealer_id, cls.agent_id, scope)


class AgentLog(Model):
    """The log that an agent sent last."""

    __tablename__ = "agent_log"

    agent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"), index=True)
    received_at: Mapped[datetime]
    content: Mapped[str] = mapped_column(Text)

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return _of_agents(cls.dealer_id, cls.agent_id, scope)


def _of_agents(
    dealer_id: InstrumentedAttribute[int], agent_id: InstrumentedAttribute[uuid.UUID], scope: Scope
) -> ColumnElement[bool]:
    """What a scope sees of a table whose rows belong to a dealer's agents."""
    of_dealer = dealer_id == scope.dealer_id
    if scope.customer_id is None:
        return of_dealer
    agents = Agent.__table__.c
    return of_dealer & agent_id.in_(select(agents.id).where(agents.site_id.in_(sites_of(scope))))
