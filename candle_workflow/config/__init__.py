"""User files: YAML -> CampaignSpec and SiteSpec; the only reader of what users write."""

from candle_workflow.config.places import parse_set
from candle_workflow.config.reader import from_resolved, json_schema, load_campaign, ready_campaigns
from candle_workflow.config.sites import SiteSpec, load_site, site_names
from candle_workflow.config.spec import (
    BenchmarkRef,
    CampaignSpec,
    LauncherRef,
    PlannerRef,
    SiteRef,
    TrainerSpec,
)

__all__ = [
    "BenchmarkRef",
    "CampaignSpec",
    "LauncherRef",
    "PlannerRef",
    "SiteRef",
    "SiteSpec",
    "TrainerSpec",
    "from_resolved",
    "json_schema",
    "load_campaign",
    "load_site",
    "parse_set",
    "ready_campaigns",
    "site_names",
]
