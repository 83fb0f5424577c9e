//! What users and the other site may ask for: the application logic behind the API.
