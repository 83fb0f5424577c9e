//! The layers put together.

use std::sync::Arc;

use poem::{Endpoint, IntoEndpoint as _, Response};
use protector_config::{Config, PolicyStore};
use protector_control::{NoServices, Services};
use protector_daemon::Observer;
use protector_framework::{Clock, IdentityDriver, Ids};
use serde_json::Value;

use crate::contract::Contract;
use crate::cors::Cors;
use crate::document;
use crate::edge::Edge;
use crate::front::{Front, Pages};
use crate::gate::{Gate, GateOptions, ServiceTokens};
use crate::judge::Judge;
use crate::links::Proxies;
use crate::listen::Ending;
use crate::live::{Live, NotLive, UnlessDisabled};
use crate::remote::Remote;
use crate::routes::Api;
use crate::shared_tokens::SharedTokens;
use crate::tokens::Tokens;

/// What the layers are made from.
pub(crate) struct Parts {
    pub(crate) services: Arc<dyn Services>,
    pub(crate) live: Arc<dyn Live>,
    pub(crate) identity: Arc<dyn IdentityDriver>,
    pub(crate) policy: PolicyStore,
    pub(crate) remote: Remote,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) ending: Ending,
}

/// The whole API as one endpoint.
pub(crate) fn endpoint(
    config: &Config,
    parts: Parts,
) -> impl Endpoint<Output = Response> + 'static {
    let service = document::service(Api {
        services: parts.services,
        live: Arc::new(UnlessDisabled {
            files: config.healthcheck.disabled_by.clone(),
            inner: parts.live,
        }),
    });
    let described = document::describe(&service);
    let keystone = &config.keystone;
    let identity_url = keystone
        .www_authenticate_uri
        .as_ref()
        .or(keystone.auth_url.as_ref());
    let options = GateOptions {
        contract: Contract::new(&described),
        tokens: Tokens::new(
            parts.identity,
            parts.clock.clone(),
            keystone.token_cache_time,
            keystone.shared_tokens.as_ref().map(|settings| {
                SharedTokens::new(settings, parts.clock.clone(), parts.ids.clone())
            }),
        ),
        services: ServiceTokens {
            roles: keystone.service_token_roles.clone(),
            required: keystone.service_token_roles_required,
        },
        service_type: keystone.service_type.clone(),
        clock: parts.clock.clone(),
        body_time: config.api.client_timeout,
        proxies: Proxies::of(config),
        judge: Judge::new(parts.policy, parts.remote),
        identity_url: identity_url.cloned().unwrap_or_default(),
        public_endpoint: config.default.public_endpoint.clone(),
        max_limit: config.default.max_limit,
        max_body: config.middleware.max_request_body_size,
    };
    let document = described.to_string();
    let pages = Pages {
        docs: service
            .swagger_ui_html()
            .replace(&service.spec(), &document),
        document,
    };
    let gate = Gate {
        options: Arc::new(options),
        inner: service.into_endpoint(),
    };
    Edge {
        ids: parts.ids,
        clock: parts.clock,
        ending: parts.ending,
        cors: Cors::new(config.cors.clone()),
        observer: Observer {
            program: "protector-api",
            host: config.default.host.clone(),
        },
        inner: Front {
            pages: Arc::new(pages),
            inner: gate,
        },
    }
}

/// The published document, as it is served at `/openapi.json`.
pub fn openapi_document() -> Value {
    document::describe(&document::service(Api {
        services: Arc::new(NoServices),
        live: Arc::new(NotLive),
    }))
}
