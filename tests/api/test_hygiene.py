"""Every rule of the contract's style, over every service: one test says the rule and names whoever breaks it."""

from __future__ import annotations

import re

from google.api import field_behavior_pb2 as behavior
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, MethodOptions

from tests.api.contract import Enum, Field, Message, Method, elements, files, of_kind

TIMESTAMP = ".google.protobuf.Timestamp"
# What a verb must begin with to be a read.
READS = ("Get", "BatchGet", "List", "Query", "Watch", "Stream")
# Changing methods whose comment says why they need no request_id.
WITHOUT_REQUEST_ID = {
    "UploadService.WriteUpload",
    "AudienceService.AppendAudienceMembers",
    "AudienceService.RemoveAudienceMembers",
    "PostService.RefreshPost",
    "EngagementService.LikeComment",
    "EngagementService.UnlikeComment",
    "EngagementService.HideComment",
    "EngagementService.UnhideComment",
    "WebhookEndpointService.TestWebhookEndpoint",
    "AgencyService.SuspendAgency",
    "AgencyService.ResumeAgency",
    "AgencyService.DeleteAgency",
    "ApiKeyService.RevokeApiKey",
    "EncryptionKeyService.RotateEncryptionKey",
    "FailedJobService.RetryFailedJob",
    "FailedJobService.DropFailedJob",
    "LocationService.DeleteLocation",
    "LocationService.MoveLocation",
}


def fields_of(message: str) -> list[Field]:
    """The fields of a message by its full name."""
    return [each for each in of_kind(Field) if each.message == message]


def short(type_name: str) -> str:
    """`Post.State` of `.socialgateway.v1.Post.State`; other packages stay as they are."""
    return re.sub(r"^\.socialgateway\.(\w+\.)?v\d+\.", "", type_name)


def is_read(method: Method) -> bool:
    """Whether an RPC changes nothing."""
    return method.proto.name.startswith(READS)


def test_the_contract_is_read() -> None:
    """The rules below look at the real thing: the services of this version are all there."""
    services = {
        "Account",
        "Ad",
        "AdAccount",
        "AdGroup",
        "AdReport",
        "Agency",
        "ApiKey",
        "Audience",
        "Campaign",
        "Connection",
        "EncryptionKey",
        "Engagement",
        "Event",
        "FailedJob",
        "Location",
        "Planner",
        "Post",
        "Provider",
        "Quota",
        "Upload",
        "Video",
        "WebhookEndpoint",
    }
    assert {f"{name}Service" for name in services} == {method.service for method in of_kind(Method)}


def test_everything_has_a_comment() -> None:
    """Each service, RPC, message, field, enum and value says what it is, in a sentence."""
    assert [] == [each.name for each in elements() if not re.search(r"\w.*\.", each.comment)]


def test_every_rpc_says_cost_idempotency_scope_and_reasons() -> None:
    """A caller learns from the comment what a call costs, whether it may be repeated, and what it can answer."""
    labels = ("Cost: ", "Idempotent: ", "Scope: ", "Reasons: ")
    assert [] == [
        f"{method.name} lacks {label}" for method in of_kind(Method) for label in labels if label not in method.comment
    ]


def test_reasons_in_comments_exist() -> None:
    """Every reason that an RPC promises is one of ErrorReason."""
    known = {each.name.removeprefix("ErrorReason.") for each in elements() if each.name.startswith("ErrorReason.")}
    promised = {
        (method.name, reason)
        for method in of_kind(Method)
        for reason in re.findall(r"\b[A-Z]+_[A-Z_]+\b", method.comment.split("Reasons: ")[1].split("\n\n")[0])
    }
    assert promised
    assert [] == sorted(f"{name}: {reason}" for name, reason in promised if reason not in known)


COMMON = {
    "API_KEY_INVALID",
    "SCOPE_MISSING",
    "FIELD_INVALID",
    "QUOTA_EXCEEDED",
    "GATEWAY_UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "INTERNAL",
}
"""What any RPC can answer before, or instead of, its own work."""


def test_every_service_says_what_each_of_its_rpcs_can_answer() -> None:
    """Each service names the reasons that are not repeated at its RPCs, that of a foreign location among them."""
    for service in (each for each in elements() if re.fullmatch(r"\w+Service", each.name)):
        named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)*\b", service.comment.split("can also answer")[1]))
        of_location = "/admin/" not in service.file and service.name != "ProviderService"
        expected = COMMON | {"LOCATION_FORBIDDEN"} if of_location else COMMON
        assert expected == named & {*COMMON, "LOCATION_FORBIDDEN"}, service.name


def test_what_opens_a_consent_page_can_lack_an_application() -> None:
    """Both RPCs that give a page to consent on promise the reason that the operator's application is not set up."""
    opening = {"ConnectionService.CreateConnection", "ConnectionService.ReauthorizeConnection"}
    assert opening == {
        method.name
        for method in of_kind(Method)
        if method.name in opening and "PROVIDER_MISCONFIGURED" in method.comment.split("Reasons: ")[1]
    }


def test_every_error_reason_says_its_code_and_shows_an_example() -> None:
    """The comment of a reason begins with its canonical code, and its example carries that very reason."""
    codes = (
        "INTERNAL|INVALID_ARGUMENT|ABORTED|FAILED_PRECONDITION|NOT_FOUND|ALREADY_EXISTS|UNAUTHENTICATED|"
        "PERMISSION_DENIED|RESOURCE_EXHAUSTED|UNIMPLEMENTED|OUT_OF_RANGE|UNAVAILABLE|DEADLINE_EXCEEDED|Only inside"
    )
    reasons = [each for each in elements() if each.name.startswith("ErrorReason.") and "UNSPECIFIED" not in each.name]
    assert [] == [
        each.name
        for each in reasons
        if not re.match(rf"({codes})\b", each.comment)
        or f'Example: {{ reason: "{each.name.removeprefix("ErrorReason.")}"' not in each.comment
    ]


def test_requests_are_named_after_their_methods() -> None:
    """`GetPost` takes `GetPostRequest`, and nothing else does."""
    methods = of_kind(Method)
    assert [f"{method.proto.name}Request" for method in methods] == [
        short(method.proto.input_type) for method in methods
    ]


def test_names_are_unique_across_services() -> None:
    """No two RPCs share a name, so that a log line needs no package to be understood."""
    names = [method.proto.name for method in of_kind(Method)]
    assert sorted(set(names)) == sorted(names)


def test_lists_are_paged_with_the_repeated_field_first() -> None:
    """Every list takes page_size and page_token, answers its entries in field 1 and next_page_token."""
    lists = [method for method in of_kind(Method) if method.proto.name.startswith("List")]
    assert lists
    for method in lists:
        asked = {field.proto.name for field in fields_of(short(method.proto.input_type))}
        answered = {field.proto.number: field.proto for field in fields_of(short(method.proto.output_type))}
        assert {"page_size", "page_token"} <= asked, method.name
        assert FieldDescriptorProto.LABEL_REPEATED == answered[1].label, method.name
        assert "next_page_token" == answered[2].name, method.name


def test_every_change_takes_a_request_id() -> None:
    """A method that changes something can be repeated safely, unless its comment says why it always can."""
    assert sorted(WITHOUT_REQUEST_ID) == sorted(
        method.name
        for method in of_kind(Method)
        if not is_read(method)
        and "request_id" not in {field.proto.name for field in fields_of(short(method.proto.input_type))}
    )


def test_updates_have_a_mask() -> None:
    """An update says which fields it means."""
    updates = [method for method in of_kind(Method) if method.proto.name.startswith("Update")]
    assert [] == [
        method.name
        for method in updates
        if "update_mask" not in {field.proto.name for field in fields_of(short(method.proto.input_type))}
    ]


def test_reads_are_marked_as_such() -> None:
    """Reads, and only reads, carry NO_SIDE_EFFECTS: generated clients and proxies may repeat them."""
    methods = of_kind(Method)
    assert {method.name for method in methods if is_read(method)} == {
        method.name for method in methods if method.proto.options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    }


def test_enums_begin_with_unspecified() -> None:
    """Zero means "not said" in every enum."""
    enums = of_kind(Enum)
    assert [] == [
        enum.name
        for enum in enums
        if enum.proto.value[0].number or not enum.proto.value[0].name.endswith("UNSPECIFIED")
    ]


def test_enum_values_are_prefixed_exactly_where_their_scope_is_the_package() -> None:
    """Top-level values carry their enum's name, because proto3 puts them into the package; nested ones need none."""
    wrong = []
    for enum in of_kind(Enum):
        prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.proto.name).upper() + "_"
        values = [value.name for value in enum.proto.value[1:]]
        if enum.name != "ErrorReason":
            wrong += [value for value in values if value.startswith(prefix) == enum.nested]
    assert [] == wrong


def test_no_two_values_share_a_scope_and_a_name() -> None:
    """A message holds at most one enum: values of two would be siblings in one scope (AIP-216's own trap)."""
    assert [] == [message.name for message in of_kind(Message) if len(message.proto.enum_type) > 1]


def test_fields_of_resources_and_requests_say_who_sets_them() -> None:
    """Each field outside a response carries google.api.field_behavior: the server reads REQUIRED from there."""
    assert [] == [
        field.name for field in of_kind(Field) if not field.behaviors and not field.message.endswith("Response")
    ]


def test_required_request_fields_are_names_parents_and_bodies() -> None:
    """What must be set in a request is what its documentation calls so; page_size or request_id never are."""
    optional = {"page_size", "page_token", "request_id", "validate_only", "etag", "read_mask", "max_staleness"}
    assert [] == [
        field.name for field in of_kind(Field) if field.proto.name in optional and behavior.REQUIRED in field.behaviors
    ]


def test_required_and_output_only_exclude_each_other() -> None:
    """No field is both required and output-only."""
    both = {behavior.REQUIRED, behavior.OUTPUT_ONLY}
    assert [] == [field.name for field in of_kind(Field) if both <= set(field.behaviors)]


def test_a_resource_is_known_by_its_name() -> None:
    """Field 1 of whatever Get answers is `name`, marked as the identifier, and the comment shows its pattern."""
    resources = {short(method.proto.output_type) for method in of_kind(Method) if method.proto.name.startswith("Get")}
    assert resources
    for resource in resources:
        first = fields_of(resource)[0]
        assert ("name", 1, [behavior.IDENTIFIER]) == (first.proto.name, first.proto.number, first.behaviors), resource
        assert re.search(r"`\w+/\{\w+\}", first.comment), resource


def test_times_are_timestamps_and_named_so() -> None:
    """A moment is a Timestamp called `…_time`, or a bound on one: never a number, never `…_at`."""
    assert [] == [
        field.name
        for field in of_kind(Field)
        if (field.proto.type_name == TIMESTAMP)
        != bool(re.search(r"(^|_)time$|^create_(after|before)$", field.proto.name))
    ]


def test_words_are_the_ones_aip_140_asks_for() -> None:
    """Links are `uri`, ids are strings, and nothing is called `…_at`, `…_url` or `is_…`."""
    assert [] == [field.name for field in of_kind(Field) if re.search(r"_at$|url|^is_", field.proto.name)]
    assert [] == [
        field.name
        for field in of_kind(Field)
        if field.proto.name.endswith("_id") and field.proto.type != FieldDescriptorProto.TYPE_STRING
    ]


def test_counts_and_sizes_of_content_are_64_bit() -> None:
    """A byte count or a vendor's counter never overflows."""
    counters = re.compile(r"(_bytes|_size|^size|_offset|(follower|following|like|video)_count)$")
    small = {"page_size"}
    assert [] == [
        field.name
        for field in of_kind(Field)
        if counters.search(field.proto.name)
        and field.proto.name not in small
        and field.proto.type
        not in (FieldDescriptorProto.TYPE_INT64, FieldDescriptorProto.TYPE_MESSAGE, FieldDescriptorProto.TYPE_BYTES)
    ]


def test_a_noun_has_its_file_and_its_service_file() -> None:
    """`post.proto` holds the resource and no service, `post_service.proto` exactly one service and its requests."""
    for file in files():
        expected = 1 if file.name.endswith("_service.proto") else 0
        assert expected == len(file.service), file.name


def test_files_are_proto3_in_the_folder_of_their_package() -> None:
    """Distribution compilers know no editions, and the folder is the package."""
    for file in files():
        assert "proto3" == file.syntax, file.name
        assert file.package.replace(".", "/") == file.name.rpartition("/")[0]
