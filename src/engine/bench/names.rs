//! Names of what is measured.

/// `GET /users/{n}/digest`: parts of a path that are numbers or identifiers stand for all of their kind.
pub fn request_name(name: &str) -> String {
    let (method, path) = name.split_once(' ').unwrap_or(("", name));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let part = |part: &str| {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_hexadecimal = |c: u8| c.is_ascii_hexdigit() || c == b'-';
        let is_identifier = part.len() >= 16 && part.bytes().all(is_hexadecimal);
        if is_number || is_identifier { "{n}".to_owned() } else { part.to_owned() }
    };
    let path = path.split('/').map(part).collect::<Vec<_>>().join("/");
    format!("{method} {path}").trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_one_kind_have_one_name() {
        assert_eq!(request_name("GET /users/12/digest?since=1"), "GET /users/{n}/digest");
        assert_eq!(request_name("GET /a/1b4e28ba-2fa1-11d2-883f-0016d3cca427"), "GET /a/{n}");
        assert_eq!(request_name("POST /v2/users"), "POST /v2/users");
        assert_eq!(request_name("GET /"), "GET /");
    }
}
