//! What the jobs of a continuous integration do to use the cache.
//!
//! In: [`Cache`]. Out: the steps for one service: a key for its jobs alone, which ends by itself, and the job's part of the configuration.

use super::client::{Cache, Platform};
use super::{Step, word};

/// How long a runner's key is good for, as `keys authorize --expires` takes it.
const LIFETIME: &str = "90d";

/// The steps.
pub(super) fn steps(cache: &Cache, platform: Platform) -> Vec<Step> {
    let (secret, job) = match platform {
        Platform::GitLab => (
            "Keep the secret key as the project's variable CACHE_KEY, of type File, protected; then delete it here",
            gitlab(cache),
        ),
        _ => (
            "Keep the secret key as the repository's secret CACHE_KEY; then delete it here",
            github(cache),
        ),
    };
    vec![
        Step::new(
            "A key for these jobs alone",
            ["ssh-keygen -q -t ed25519 -N '' -C ci@PROJECT -f cache_key"],
        ),
        Step::new(
            "The administrator authorizes it until a day, after which it is refused",
            [format!(
                "# storekeeper keys SERVER authorize cache_key.pub --expires {LIFETIME} --reason \"jobs of PROJECT\""
            )],
        ),
        Step::new(secret, ["cat cache_key", "# rm cache_key"]),
        Step::new("Put this into the jobs", job),
    ]
}

/// Puts the cache's host keys and its port into the files of the user who runs it. `home` is that user's folder.
fn ssh_lines(cache: &Cache, home: &str, sudo: &str) -> Vec<String> {
    let hosts = cache.known_hosts();
    let mut lines: Vec<String> = hosts
        .iter()
        .map(|line| {
            format!(
                "printf '%s\\n' {} | {sudo}tee -a {home}/.ssh/known_hosts >/dev/null",
                word(line)
            )
        })
        .collect();
    if cache.port_by_ssh {
        lines.push(format!(
            "printf 'Host %s\\n    Port {}\\n' {} | {sudo}tee -a {home}/.ssh/config >/dev/null",
            cache.port,
            word(&cache.host)
        ));
    }
    lines
}

fn nix_conf(cache: &Cache) -> Vec<String> {
    let mut lines = cache.nix_conf_lines();
    lines.push(super::client::FALLBACK.to_owned());
    lines
}

/// On a hosted runner Nix has a daemon, so it is root that fetches.
fn github(cache: &Cache) -> Vec<String> {
    let mut lines = vec![
        "steps:".to_owned(),
        "  - uses: actions/checkout@v4".to_owned(),
        "  - uses: cachix/install-nix-action@v31".to_owned(),
        "    with:".to_owned(),
        "      extra_nix_config: |".to_owned(),
    ];
    lines.extend(nix_conf(cache).into_iter().map(|line| indent(8, &line)));
    lines.extend([
        "  - name: The key that the cache knows these jobs by".to_owned(),
        "    env:".to_owned(),
        "      CACHE_KEY: ${{ secrets.CACHE_KEY }}".to_owned(),
        "    run: |".to_owned(),
        "      sudo install -d -m 700 /root/.ssh".to_owned(),
        "      printf '%s\\n' \"$CACHE_KEY\" | sudo install -m 600 /dev/stdin /root/.ssh/id_ed25519"
            .to_owned(),
    ]);
    let ssh = ssh_lines(cache, "/root", "sudo ");
    lines.extend(ssh.iter().map(|line| indent(6, line)));
    lines.push("  - run: nix build".to_owned());
    lines
}

/// In a container there is no daemon: the job's own user, root, fetches.
fn gitlab(cache: &Cache) -> Vec<String> {
    let mut lines = vec![
        "build:".to_owned(),
        "  image: nixos/nix".to_owned(),
        "  before_script:".to_owned(),
        "    - |".to_owned(),
        "      install -d -m 700 ~/.ssh".to_owned(),
        "      install -m 600 \"$CACHE_KEY\" ~/.ssh/id_ed25519".to_owned(),
    ];
    let ssh = ssh_lines(cache, "~", "");
    lines.extend(ssh.iter().map(|line| indent(6, line)));
    lines.extend(nix_conf(cache).iter().map(|line| {
        indent(
            6,
            &format!("printf '%s\\n' {} >> /etc/nix/nix.conf", word(line)),
        )
    }));
    lines.extend(["  script:".to_owned(), "    - nix build".to_owned()]);
    lines
}

fn indent(by: usize, line: &str) -> String {
    format!("{}{line}", " ".repeat(by))
}
