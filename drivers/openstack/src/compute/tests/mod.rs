//! The verbs against a scripted cloud, and against a real one where there is one.

mod real_cloud;
