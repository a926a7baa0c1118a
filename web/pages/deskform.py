"""The desk's form as typed (the draft) and as the use case takes it. Pure: no database, no request.

A draft is one flat mapping of the fields of all three steps, plus ``persons``, a list of mappings. It is kept as typed,
also when it makes no sense yet; only ``visit_form`` judges it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rooms.models import Visit
from rooms.visits import PersonForm, VisitForm
from rooms.words import Field, MatterStatus, PersonRole, PetitionKind, ReceptionForm
from web.i18n import N_

STEPS: dict[int, tuple[str, ...]] = {
    1: ("people_count", "form"),
    2: ("kind", "content", "demand", "field", "matter_status", "previous_body", "first_time"),
    3: ("case", "where", "priority", "note"),
}
PERSON_FIELDS = (
    "name", "address", "identity_number", "identity_issued", "phone", "birth_year", "role", "authority_number",
    "authority_on", "authority_until", "authority_certified",
)  # fmt: skip
MAX_PERSONS = 60
MAX_TEXT = 20_000


def merged(draft: Mapping[str, Any], step: int, form: Mapping[str, Any]) -> dict[str, Any]:
    """The draft with the fields of one step replaced by what was posted; fields not posted stay."""
    result = dict(draft)
    for name in STEPS.get(step, ()):
        if name in form:
            result[name] = _text(form[name])
    if step == 1:
        result["persons"] = posted_persons(form) or list(draft.get("persons", [])) or [{}]
    return result


def posted_persons(form: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The persons of a posted form, by the number at the end of each field's name."""
    persons: list[dict[str, Any]] = []
    for n in range(MAX_PERSONS):
        if f"name-{n}" not in form:
            break
        one: dict[str, Any] = {name: _text(form.get(f"{name}-{n}", "")) for name in PERSON_FIELDS}
        one["withheld"] = bool(_text(form.get(f"withheld-{n}", "")))
        persons.append(one)
    return persons


def _text(value: Any) -> str:
    return value.replace("\r\n", "\n").replace("\0", "").strip()[:MAX_TEXT] if isinstance(value, str) else ""


def persons_of(draft: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The persons of a draft, at least one (empty)."""
    return [dict(one) for one in draft.get("persons", []) if isinstance(one, Mapping)] or [{}]


def steps_done(draft: Mapping[str, Any]) -> list[int]:
    """Steps whose mandatory fields are filled in."""
    errors = check(draft)
    done = []
    if not any(name.startswith(("name-", "birth_year-", "people_count")) for name in errors):
        done.append(1)
    if "kind" not in errors and "content" not in errors:
        done.append(2)
    return done


def check(draft: Mapping[str, Any]) -> dict[str, str]:
    """What is missing or wrong, field to message id. Mandatory: kind, persons, content (issue 2, point 4)."""
    errors: dict[str, str] = {}
    persons = persons_of(draft)
    if not any(one.get("name") or one.get("withheld") for one in persons):
        errors["name-0"] = N_("Ghi họ tên, hoặc chọn Không cung cấp.")
    for n, one in enumerate(persons):
        year = str(one.get("birth_year", ""))
        if year and not (year.isdecimal() and 1900 <= int(year) <= 2100):
            errors[f"birth_year-{n}"] = N_("Năm sinh gồm bốn chữ số, ví dụ 1968.")
    count = str(draft.get("people_count", "") or "1")
    if not (count.isdecimal() and 1 <= int(count) <= 9999):
        errors["people_count"] = N_("Số người là một số từ 1 đến 9999.")
    if draft.get("kind", "") not in set(PetitionKind):
        errors["kind"] = N_("Chọn loại việc.")
    if not draft.get("content"):
        errors["content"] = N_("Ghi nội dung tóm tắt.")
    return errors


def step_of(field: str) -> int:
    """The step on which a field stands."""
    if field in STEPS[2]:
        return 2
    return 3 if field in STEPS[3] else 1


def visit_form(draft: Mapping[str, Any]) -> VisitForm:
    """The draft as the use case takes it; the caller has looked at ``check``."""
    persons = tuple(_person(one) for one in persons_of(draft) if one.get("name") or one.get("withheld"))
    return VisitForm(
        kind=PetitionKind(draft["kind"]),
        persons=persons,
        content=str(draft["content"]),
        demand=str(draft.get("demand", "")),
        field=Field(draft["field"]) if draft.get("field") in set(Field) else None,
        people_count=max(int(draft.get("people_count") or 1), len(persons)),
        form=ReceptionForm(draft["form"]) if draft.get("form") in set(ReceptionForm) else ReceptionForm.REGULAR,
        first_time=draft.get("first_time", "1") != "0",
        matter_status=_status(str(draft.get("matter_status", ""))),
        previous_body=str(draft.get("previous_body", "")),
        note=str(draft.get("note", "")),
    )


def _status(value: str) -> MatterStatus:
    return MatterStatus(value) if value in set(MatterStatus) else MatterStatus.UNKNOWN


def _person(one: Mapping[str, Any]) -> PersonForm:
    authority = {
        key: str(one[name])
        for key, name in (
            ("number", "authority_number"),
            ("on", "authority_on"),
            ("until", "authority_until"),
            ("certified_by", "authority_certified"),
        )
        if one.get(name)
    }
    withheld = bool(one.get("withheld")) and not one.get("name")
    role = one.get("role", "")
    return PersonForm(
        name=str(one.get("name", "")),
        withheld=withheld,
        role=PersonRole(role) if role in set(PersonRole) else PersonRole.CITIZEN,
        address=str(one.get("address", "")),
        phone=str(one.get("phone", "")),
        birth_year=int(one["birth_year"]) if one.get("birth_year") else None,
        identity_number=str(one.get("identity_number", "")),
        identity_issued=str(one.get("identity_issued", "")),
        authority=authority or None,
    )


def of_visit(visit: Visit) -> dict[str, Any]:
    """The draft that stands for an entry of the register, for correcting it."""
    return {
        "people_count": str(visit.people_count),
        "form": visit.form.value,
        "kind": visit.kind.value if visit.kind else "",
        "content": visit.content,
        "demand": visit.demand,
        "field": visit.field.value if visit.field else "",
        "matter_status": visit.matter_status.value,
        "previous_body": visit.previous_body,
        "first_time": "1" if visit.first_time else "0",
        "note": visit.note,
        "persons": [
            {
                "name": "" if one.withheld else one.name,
                "withheld": one.withheld,
                "role": one.role.value,
                "address": one.address,
                "phone": one.phone,
                "birth_year": str(one.birth_year or ""),
                "identity_number": one.identity_number,
                "identity_issued": one.identity_issued,
                "authority_number": one.authority.get("number", ""),
                "authority_on": one.authority.get("on", ""),
                "authority_until": one.authority.get("until", ""),
                "authority_certified": one.authority.get("certified_by", ""),
            }
            for one in visit.persons
        ],
    }


def case_title(content: str, kind: str) -> str:
    """A first title for the matter's file: the first sentence, cut between words."""
    first = " ".join(content.split()).split(". ")[0].rstrip(".;,")
    if len(first) > 110:
        first = first[:109].rsplit(" ", 1)[0] + "…"
    return first or kind
