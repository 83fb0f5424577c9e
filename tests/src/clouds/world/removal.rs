//! Takes away what a run made on a cloud.

use std::time::Duration;

use super::Site;
use crate::clouds::failure::Outcome;
use crate::clouds::http::{Service, list, text};
use crate::clouds::identity::Admin;
use crate::clouds::report::{Report, Wait};
use crate::clouds::testbed::Testbed;

impl Site {
    /// Deletes the tenant with all it has.
    ///
    /// # Errors
    /// What a service says.
    pub async fn remove(&self, report: &Report, testbed: &Testbed) -> Outcome {
        let cloud = &self.project;
        all(&cloud.nova, "/servers", "/servers").await?;
        gone(report, &cloud.nova, "/servers", "/servers").await?;
        for group in ids(&cloud.cinder, "/groups", "/groups").await? {
            let body = serde_json::json!({"delete": {"delete-volumes": true}});
            let path = format!("/groups/{group}/action");
            cloud.cinder.post(&path, &body).await?;
        }
        gone(report, &cloud.cinder, "/groups", "/groups").await?;
        all(&cloud.cinder, "/volumes", "/volumes").await?;
        gone(report, &cloud.cinder, "/volumes", "/volumes").await?;
        let project = &cloud.token.project_id;
        for (kind, pointer) in [
            ("ports", "/ports"),
            ("networks", "/networks"),
            ("security-groups", "/security_groups"),
        ] {
            for id in ids(
                &cloud.neutron,
                &format!("/{kind}?project_id={project}"),
                pointer,
            )
            .await?
            {
                // The default group comes back as long as somebody looks.
                cloud.neutron.delete(&format!("/{kind}/{id}")).await?;
            }
        }
        let keystone = Admin::new(&testbed.auth_url(self.side), &self.admin.token)?;
        keystone.delete("users", &self.tenant.token.user_id).await?;
        keystone.delete("users", &self.reader.user_id).await?;
        keystone.delete("projects", project).await
    }
}

async fn ids(service: &Service, path: &str, pointer: &str) -> Outcome<Vec<String>> {
    let body = service.get(path).await?;
    list(&body, pointer)
        .iter()
        .map(|one| text(one, "/id"))
        .collect()
}

async fn all(service: &Service, path: &str, pointer: &str) -> Outcome {
    for id in ids(service, path, pointer).await? {
        service.delete(&format!("{path}/{id}")).await?;
    }
    Ok(())
}

async fn gone(report: &Report, service: &Service, path: &str, pointer: &str) -> Outcome {
    let limit = Duration::from_secs(60);
    report
        .until(&format!("no {path}"), limit, async || {
            let left = ids(service, path, pointer).await?;
            Ok(match left.is_empty() {
                true => Wait::Done(()),
                false => Wait::NotYet(format!("{left:?}")),
            })
        })
        .await
}
