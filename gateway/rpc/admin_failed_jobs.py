"""FailedJobService: lists failed jobs, tries them again, gives them up.

Owns the conversions. Makes no decisions.
"""

from collections.abc import Sequence
from typing import Any

from google.protobuf import empty_pb2

from gateway.aip import names
from gateway.domain.admin import failed_jobs
from gateway.rpc.admin_guard import AdminDomain, AdminGuard
from gateway.rpc.convert import write_times
from gateway.rpc.request import or_not_found
from socialgateway.admin.v1 import failed_job_pb2, failed_job_service_pb2, failed_job_service_pb2_grpc
from storage.webhooks import WebhookRow


class FailedJobService(failed_job_service_pb2_grpc.FailedJobServiceServicer):
    """Serves failed jobs to administrators."""

    def __init__(self, admin: AdminDomain, guard: AdminGuard) -> None:
        """Serve `admin` to the callers that `guard` admits."""
        self._domain = admin.domain
        self._guard = guard

    async def ListFailedJobs(
        self, request: failed_job_service_pb2.ListFailedJobsRequest, context: Any
    ) -> failed_job_service_pb2.ListFailedJobsResponse:
        """List failed jobs."""
        agency = self._guard.agency_or_all(request.parent, path="parent")
        page = self._guard.guard.read_page(request)

        async def rows_after(cursor: tuple[str | int, ...], limit: int) -> Sequence[WebhookRow]:
            return await failed_jobs.page(self._domain, agency, after=str(cursor[0]) if cursor else "", limit=limit)

        items, token = await self._guard.guard.list_page(request, page, rows_after, to_proto, lambda row: (row.id,))
        return failed_job_service_pb2.ListFailedJobsResponse(failed_jobs=items, next_page_token=token)

    async def RetryFailedJob(
        self, request: failed_job_service_pb2.RetryFailedJobRequest, context: Any
    ) -> failed_job_pb2.FailedJob:
        """Try a failed job again."""
        agency, id = self._job(request.name)
        return to_proto(await or_not_found(request.name, failed_jobs.retry(self._domain, agency, id)))

    async def DropFailedJob(
        self, request: failed_job_service_pb2.DropFailedJobRequest, context: Any
    ) -> empty_pb2.Empty:
        """Give a failed job up."""
        agency, id = self._job(request.name)
        await or_not_found(request.name, failed_jobs.drop(self._domain, agency, id))
        return empty_pb2.Empty()

    def _job(self, name: str) -> tuple[str, str]:
        """Return the agency, "" for any, and the id of a job that the caller may administer."""
        agency, id = names.FAILED_JOB.parse(name, wildcard=True)
        return self._guard.agency_or_all(names.AGENCY.format(agency), path="name"), id


def to_proto(row: WebhookRow) -> failed_job_pb2.FailedJob:
    """Return a failed job."""
    message = failed_job_pb2.FailedJob(
        name=failed_jobs.name_of(row),
        provider=names.PROVIDER.format(row.provider),
        event=row.event,
        tries=row.tries,
    )
    write_times(message, create_time=row.receive_time, next_attempt_time=row.due_at)
    return message
