"""All tables. Names in columns of people and places; ids everywhere else (design 1)."""

from rooms.models.base import Base, UtcDateTime
from rooms.models.custody import Delivery, Disposal, Extract, Hold, Order, RetentionMark
from rooms.models.lookup import SearchEntry, SessionGuest
from rooms.models.matters import Case, CaseLink, Paper, Petition, VaultEntry, VaultOpening
from rooms.models.people import Grant, LoginSession, Membership, Ticket, TrainingSpace, User
from rooms.models.places import Device, DeviceCheck, DutyEntry, Room, Site, SiteParent, SiteSuccessor
from rooms.models.reception import Attendee, InvitedSite, Sitting, Visit, VisitPerson
from rooms.models.record import DailyHead, Gap, Package, ReplayFile, Supplement, Take, TakePiece, Track
from rooms.models.sessions import (
    Minutes,
    MinutesLine,
    MinutesSection,
    MinutesSignature,
    Participant,
    ParticipantPerson,
    ReceptionSession,
    SessionEvent,
)
from rooms.models.storage import Publication, Reconciliation, StoredFile, StoreKey
from rooms.models.system import AuditEntry, Counter, EnrolToken, Holiday, Job, Relay, RuleProfile, Setting

__all__ = [
    "Attendee",
    "AuditEntry",
    "Base",
    "Case",
    "CaseLink",
    "Counter",
    "DailyHead",
    "Delivery",
    "Device",
    "DeviceCheck",
    "Disposal",
    "DutyEntry",
    "EnrolToken",
    "Extract",
    "Gap",
    "Grant",
    "Hold",
    "Holiday",
    "InvitedSite",
    "Job",
    "LoginSession",
    "Membership",
    "Minutes",
    "MinutesLine",
    "MinutesSection",
    "MinutesSignature",
    "Order",
    "Package",
    "Paper",
    "Participant",
    "ParticipantPerson",
    "Petition",
    "Publication",
    "ReceptionSession",
    "Reconciliation",
    "Relay",
    "ReplayFile",
    "RetentionMark",
    "Room",
    "RuleProfile",
    "SearchEntry",
    "SessionEvent",
    "SessionGuest",
    "Setting",
    "Site",
    "SiteParent",
    "SiteSuccessor",
    "Sitting",
    "StoreKey",
    "StoredFile",
    "Supplement",
    "Take",
    "TakePiece",
    "Ticket",
    "Track",
    "TrainingSpace",
    "User",
    "UtcDateTime",
    "VaultEntry",
    "VaultOpening",
    "Visit",
    "VisitPerson",
]
