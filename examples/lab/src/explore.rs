//! Where everything is, for those who want to look around. What is printed was tried.

use protector_framework::ExposeSecret;
use protector_tests::sites::{Outcome, Pair, Side};

use crate::story::GROUP;
use crate::view::View;

/// Prints where both APIs are and how to ask them.
pub(crate) async fn show(pair: &Pair, view: &mut View) -> Outcome {
    view.chapter("Both APIs are open");
    for side in Side::BOTH {
        let site = pair.site(side);
        // Long enough for whoever leaves the lab running.
        site.cloud.set_token_seconds(7 * 86_400)?;
        let tenant = site.tenant()?;
        let root = site.client(site.url(), site.tenant_token()?)?;
        root.get("/docs").await?.expect(200)?;
        let group = format!("/protection-groups/{GROUP}");
        tenant.get(&group).await?.expect(200)?;
        let url = tenant.base();
        let token = tenant.token().expose_secret();
        view.say(&format!(
            "\n{side}   API {}   docs {}/docs",
            site.url(),
            site.url()
        ));
        view.say(&format!(
            "  curl -s -H 'X-Auth-Token: {token}' {url}{group}"
        ));
    }
    let b = pair.b.tenant()?;
    view.say("\nAnd the way home, when you like: `reprotect`, then `failback`, at either site:");
    view.say(&format!(
        "  curl -s -H 'X-Auth-Token: {}' -H 'Content-Type: application/json' \
         -d '{{\"reprotect\": {{}}}}' {}/protection-groups/{GROUP}/action",
        b.token().expose_secret(),
        b.base()
    ));
    Ok(())
}
