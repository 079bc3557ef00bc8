//! Which HTTP method and path stand for which call. The one place where the REST face is laid out.

/// How a call answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One JSON object.
    Unary,
    /// JSON objects, one a line (`application/x-ndjson`), as they come.
    Stream,
}

/// One operation of the REST face.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// A path with `{name}` parameters; `{*name}` takes the rest of the path.
    pub(crate) path: &'static str,
    pub(crate) service: &'static str,
    pub(crate) call: &'static str,
    pub(crate) shape: Shape,
}

const fn unary(method: &'static str, path: &'static str, service: &'static str, call: &'static str) -> Route {
    Route { method, path, service, call, shape: Shape::Unary }
}

const fn stream(path: &'static str, service: &'static str, call: &'static str) -> Route {
    Route { method: "GET", path, service, call, shape: Shape::Stream }
}

/// Every operation.
pub(crate) const ROUTES: &[Route] = &[
    unary("GET", "/v1/cluster", "Cluster", "Status"),
    stream("/v1/watch", "Cluster", "Watch"),
    unary("GET", "/v1/events", "Events", "List"),
    unary("GET", "/v1/controllers", "Controllers", "List"),
    unary("POST", "/v1/controllers", "Controllers", "Admit"),
    unary("DELETE", "/v1/controllers/{name}", "Controllers", "Remove"),
    unary("POST", "/v1/leader", "Controllers", "Transfer"),
    unary("GET", "/v1/nodes", "Nodes", "List"),
    unary("GET", "/v1/nodes/{name}", "Nodes", "Get"),
    unary("POST", "/v1/nodes/{name}/approve", "Nodes", "Approve"),
    unary("POST", "/v1/nodes/{name}/cordon", "Nodes", "Cordon"),
    unary("POST", "/v1/nodes/{name}/uncordon", "Nodes", "Uncordon"),
    unary("POST", "/v1/nodes/{name}/drain", "Nodes", "Drain"),
    unary("POST", "/v1/nodes/{name}/retire", "Nodes", "Retire"),
    unary("POST", "/v1/nodes/{name}/reset", "Nodes", "Reset"),
    unary("POST", "/v1/nodes/{name}/place", "Nodes", "Place"),
    unary("POST", "/v1/tokens", "Nodes", "CreateToken"),
    unary("GET", "/v1/queues", "Queues", "List"),
    unary("GET", "/v1/queues/{name}", "Queues", "Get"),
    unary("PUT", "/v1/queues/{name}", "Queues", "Apply"),
    unary("DELETE", "/v1/queues/{name}", "Queues", "Delete"),
    unary("GET", "/v1/queues/{name}/explanation", "Queues", "Explain"),
    unary("GET", "/v1/reservations", "Reservations", "List"),
    unary("GET", "/v1/reservations/{name}", "Reservations", "Get"),
    unary("PUT", "/v1/reservations/{name}", "Reservations", "Apply"),
    unary("DELETE", "/v1/reservations/{name}", "Reservations", "Delete"),
    unary("GET", "/v1/jobs", "Jobs", "List"),
    unary("POST", "/v1/jobs", "Jobs", "Submit"),
    unary("GET", "/v1/jobs/{name}", "Jobs", "Get"),
    unary("DELETE", "/v1/jobs/{name}", "Jobs", "Delete"),
    unary("POST", "/v1/jobs/{name}/cancel", "Jobs", "Cancel"),
    unary("GET", "/v1/jobs/{name}/explanation", "Jobs", "Explain"),
    stream("/v1/jobs/{name}/logs", "Jobs", "Logs"),
    unary("POST", "/v1/transactions", "Transactions", "Commit"),
    unary("POST", "/v1/what-if", "Scheduling", "WhatIf"),
    unary("GET", "/v1/replay", "Scheduling", "Replay"),
    unary("GET", "/v1/artifacts", "Artifacts", "List"),
    unary("POST", "/v1/artifacts", "Artifacts", "Commit"),
    unary("GET", "/v1/artifacts/{*name}", "Artifacts", "Get"),
    unary("POST", "/v1/imports", "Artifacts", "PlanImport"),
    unary("POST", "/v1/exports", "Artifacts", "PlanExport"),
    unary("GET", "/v1/images", "Images", "List"),
    unary("GET", "/v1/images/{*name}", "Images", "Get"),
    unary("GET", "/v1/releases", "Releases", "List"),
    unary("POST", "/v1/releases", "Releases", "Import"),
    unary("GET", "/v1/releases/{name}", "Releases", "Get"),
    unary("POST", "/v1/releases/plan", "Releases", "PlanImport"),
    unary("GET", "/v1/release-trust", "Releases", "ShowTrust"),
    unary("PUT", "/v1/release-trust", "Releases", "Trust"),
    unary("GET", "/v1/rollouts", "Rollouts", "List"),
    unary("POST", "/v1/rollouts", "Rollouts", "Start"),
    unary("GET", "/v1/rollouts/{name}", "Rollouts", "Get"),
    unary("POST", "/v1/rollouts/{name}/pause", "Rollouts", "Pause"),
    unary("POST", "/v1/rollouts/{name}/resume", "Rollouts", "Resume"),
    unary("POST", "/v1/rollouts/{name}/abort", "Rollouts", "Abort"),
    unary("GET", "/v1/policy", "Policies", "Show"),
    unary("POST", "/v1/policy/check", "Policies", "Check"),
    unary("GET", "/v1/audit", "Audit", "List"),
    unary("GET", "/v1/audit/head", "Audit", "Head"),
    stream("/v1/audit/entries", "Audit", "Export"),
];

impl Route {
    /// Whether the operation takes a body. The others take every field from the path and the query.
    pub(crate) fn has_body(&self) -> bool {
        matches!(self.method, "POST" | "PUT")
    }

    /// The names in the path.
    pub(crate) fn path_names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let inner = |s: &'static str| s.strip_prefix('{')?.strip_suffix('}');
        self.path.split('/').filter_map(inner).map(|name| name.trim_start_matches('*'))
    }

    /// The gRPC path of the call.
    pub(crate) fn grpc_path(&self) -> String {
        format!("/holdfast.v1.{}/{}", self.service, self.call)
    }
}
