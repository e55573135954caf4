"""The calls of the Marketing API by method and path, with the operation names that faults match.

Owns: this table.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.tiktok_business.ads import (
    ads,
    audience_calls,
    files,
    identities,
    oauth,
    report_tasks,
    reports,
    switches,
    tree,
)

ENDPOINTS: dict[tuple[str, str], tuple[str, Callable[[Request], Awaitable[Response]]]] = {
    ("POST", "/oauth2/access_token/"): ("advertiser.token", oauth.token),
    ("POST", "/oauth2/revoke_token/"): ("advertiser.revoke", oauth.revoke),
    ("GET", "/oauth2/advertiser/get/"): ("advertiser.get", oauth.advertisers),
    ("GET", "/advertiser/info/"): ("advertiser.info", oauth.advertiser_info),
    ("GET", "/user/info/"): ("user.info", oauth.user_info),
    ("GET", "/tool/region/"): ("region.get", identities.regions),
    ("POST", "/campaign/create/"): ("campaign.create", tree.campaign_create),
    ("POST", "/campaign/update/"): ("campaign.update", tree.campaign_update),
    ("POST", "/campaign/status/update/"): ("campaign.status", switches.campaign),
    ("GET", "/campaign/get/"): ("campaign.get", tree.campaign_get),
    ("POST", "/adgroup/create/"): ("adgroup.create", tree.adgroup_create),
    ("POST", "/adgroup/update/"): ("adgroup.update", tree.adgroup_update),
    ("POST", "/adgroup/status/update/"): ("adgroup.status", switches.adgroup),
    ("GET", "/adgroup/get/"): ("adgroup.get", tree.adgroup_get),
    ("GET", "/adgroup/review_info/"): ("adgroup.review", ads.group_review_info),
    ("POST", "/ad/create/"): ("ad.create", ads.create),
    ("POST", "/ad/update/"): ("ad.update", ads.update),
    ("POST", "/ad/status/update/"): ("ad.status", switches.ad),
    ("GET", "/ad/get/"): ("ad.get", tree.ad_get),
    ("GET", "/ad/review_info/"): ("ad.review", ads.review_info),
    ("POST", "/file/video/ad/upload/"): ("video.upload", files.video_upload),
    ("POST", "/file/image/ad/upload/"): ("image.upload", files.image_upload),
    ("GET", "/file/video/ad/info/"): ("video.info", files.video_info),
    ("GET", "/file/image/ad/info/"): ("image.info", files.image_info),
    ("GET", "/file/video/ad/search/"): ("video.search", files.search),
    ("GET", "/file/video/suggestcover/"): ("cover.suggest", files.suggest_cover),
    ("POST", "/file/start/upload/"): ("file.start", files.start),
    ("POST", "/file/transfer/upload/"): ("file.transfer", files.transfer),
    ("POST", "/file/finish/upload/"): ("file.finish", files.finish),
    ("GET", "/identity/get/"): ("identity.get", identities.identities),
    ("POST", "/tt_video/authorize/"): ("spark.authorize", identities.authorize),
    ("GET", "/tt_video/info/"): ("spark.info", identities.post_info),
    ("GET", "/report/integrated/get/"): ("report.get", reports.integrated),
    ("POST", "/report/task/create/"): ("report.create", report_tasks.create),
    ("GET", "/report/task/check/"): ("report.check", report_tasks.check),
    ("GET", "/report/task/download/"): ("report.download", report_tasks.download),
    ("POST", "/dmp/custom_audience/file/upload/"): ("audience.upload", audience_calls.upload),
    ("POST", "/dmp/custom_audience/create/"): ("audience.create", audience_calls.create),
    ("POST", "/dmp/custom_audience/update/"): ("audience.update", audience_calls.update),
    ("GET", "/dmp/custom_audience/get/"): ("audience.get", audience_calls.show),
    ("GET", "/dmp/custom_audience/list/"): ("audience.list", audience_calls.listing),
    ("POST", "/dmp/custom_audience/delete/"): ("audience.delete", audience_calls.delete),
}
