//! The files that ssh and this program are compared on; `known_hosts.rs` beside this says what the tokens stand for.

pub(super) enum Host {
    /// Known as `[127.0.0.1]:PORT`.
    Port,
    /// Known as an alias, which has no port.
    Alias,
}

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) host: Host,
    /// What stands in each file; the first is the one that is written to.
    pub(super) files: &'static [&'static str],
    /// The last file is `GlobalKnownHostsFile`.
    pub(super) global: bool,
    /// The server has a certificate for its Ed25519 key.
    pub(super) certified: bool,
    /// What `KnownHostsCommand` prints.
    pub(super) command: Option<&'static str>,
    /// Further lines of ssh's configuration, before all others.
    pub(super) more: &'static str,
    /// Why this program is stricter than ssh here.
    pub(super) stricter: Option<&'static str>,
}

const fn port(name: &'static str, files: &'static [&'static str]) -> Case {
    Case {
        name,
        host: Host::Port,
        files,
        global: false,
        certified: false,
        command: None,
        more: "",
        stricter: None,
    }
}

const fn alias(name: &'static str, files: &'static [&'static str]) -> Case {
    Case {
        host: Host::Alias,
        ..port(name, files)
    }
}

impl Case {
    const fn global(mut self) -> Self {
        self.global = true;
        self
    }

    const fn certified(mut self) -> Self {
        self.certified = true;
        self
    }

    const fn command(mut self, lines: &'static str) -> Self {
        self.command = Some(lines);
        self
    }

    const fn more(mut self, lines: &'static str) -> Self {
        self.more = lines;
        self
    }

    const fn stricter(mut self, reason: &'static str) -> Self {
        self.stricter = Some(reason);
        self
    }
}

const LOCAL: &str = "a port of this machine may lead anywhere; ssh is told not to look at its key";
const KEPT: &str = "a key that is kept nowhere would be new each time, whoever sends it";
const UNREADABLE: &str = "a revocation that can't be read may be of this very key; ssh skips it";
const NAMED: &str = "a host that a damaged line names is not recorded as new without a question";
const AUTHORITY: &str =
    "a host that an authority vouches for is not recorded by another key without a question";
const PLAIN: &str =
    "a host whose standard port is known by another key is not recorded without a question";
const WARNED: &str = "ssh warns of the revoked key, and then takes the host for a new one";
const BOTH: &str = "a key that is revoked for the host is revoked on each of its ports";

pub(super) const CASES: &[Case] = &[
    port("a command knows the key", &[""]).command("$N $E\n"),
    port("a command knows another key", &[""]).command("$N $e\n"),
    port("a command knows another host", &[""]).command("other.example.org $E\n"),
    port("a command says nothing", &["$N $E\n"]).command(""),
    port("a command revokes a known key", &["$N $E\n"]).command("@revoked * $E\n"),
    port("a command knows another key than the file", &["$N $E\n"]).command("$N $e\n"),
    port("a command trusts an authority", &[""])
        .command("@cert-authority 127.0.0.1,$N $A\n")
        .certified(),
    alias("a command knows the alias", &[""]).command("$K $E\n"),
    port("the machine itself needs no key", &[""])
        .more("NoHostAuthenticationForLocalhost yes\n")
        .stricter(LOCAL),
    port("the machine itself has another key", &["$N $e\n$N $r\n$N $c\n"])
        .more("NoHostAuthenticationForLocalhost yes\n")
        .stricter(LOCAL),
    alias("the machine itself under an alias", &[""])
        .more("NoHostAuthenticationForLocalhost yes\n"),
    port("nothing is kept", &[""])
        .more("UserKnownHostsFile /dev/null\n")
        .stricter(KEPT),
    port("there is no file", &[""]).more("UserKnownHostsFile none\n"),
    // Nothing, and what is nothing.
    port("empty", &[""]),
    port("comments only", &["# $N $E\n\n   \n\t# x\n  #y\n"]),
    port("another host", &["other.example.org $E\n"]),
    port("other port", &["[$H]:1 $E\n"]),
    port("port 22 in brackets", &["[$H]:22 $E\n"]),
    // The host's keys.
    port("known", &["$N $E\n"]),
    port("known rsa", &["$N $R\n"]),
    port("known ecdsa", &["$N $C\n"]),
    port("known with comment", &["$N $E a comment # and more\n"]),
    port("two keys of a type", &["$N $e\n$N $E\n"]),
    port("all types", &["$N $C\n$N $R\n$N $E\n"]),
    port("changed", &["$N $e\n"]),
    port("changed rsa", &["$N $r\n"]),
    port("changed ecdsa", &["$N $c\n"]),
    port("changed and a known type", &["$N $e\n$N $R\n"]),
    port("changed twice", &["$N $e\n$N $r\n$N $c\n"]),
    port("a type that the server lacks", &["$N ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBKqHyiK+i3QOHrHHjvBdeFHHMvMg8qdRkjW6/KM8GwwIgwIfH4JLbd6OWXIyfcP3WjZTjjkVgxGMSLMSg9pMsRm3AUsI//p9XK0FYrDLFTdG9jCbzrZPUx0r3aAqHdQdeg==\n"])
        .stricter("whether a point is on the curve is left to whoever verifies with it; ssh may skip the line"),
    // The host without its port.
    port("plain name", &["$H $E\n"]),
    port("plain name rsa", &["$H $R\n$H $E\n"]),
    port("plain name by another key", &["$H $e\n"]).stricter(PLAIN),
    port("plain name by two keys", &["$H $e\n$H $E\n"]),
    port("port changed and plain known", &["$N $e\n$H $E\n"]),
    port("port changed by type and plain known", &["$N $r\n$H $E\n"]),
    port("port known and plain changed", &["$N $E\n$H $e\n"]),
    port("plain known by a pattern", &["127.0.0.? $E\n"]),
    port("plain hashed", &["$h($H) $E\n"]),
    port("plain negated", &["*,!$H $E\n"]),
    // Aliases.
    alias("alias", &["$K $E\n"]),
    alias("alias changed", &["$K $e\n"]),
    alias("alias unknown", &["$N $E\n$H $E\n"]),
    alias("alias in capitals", &["CACHE.Example.ORG $E\n"]),
    alias("alias hashed", &["$h($K) $E\n"]),
    alias("alias hashed changed", &["$h($K) $e\n"]),
    alias("alias with a port", &["[$K]:$P $E\n"]),
    // Patterns.
    alias("star", &["* $E\n"]),
    alias("star changed", &["* $e\n"]),
    alias("stars", &["*.example.* $E\n"]),
    alias("star needs the dot", &["*.cache.example.org $E\n"]),
    alias("question marks", &["c?che.exampl?.org $E\n"]),
    alias("a question mark too many", &["?$K $E\n"]),
    alias("list", &["a,b,$K,c $E\n"]),
    alias("empty parts", &[",,$K,, $E\n"]),
    alias("negated", &["*.example.org,!$K $E\n"]),
    alias("negated first", &["!$K,*.example.org $E\n"]),
    alias("another negated", &["*.example.org,!other.example.org $E\n"]),
    alias("only negated", &["!other.example.org $E\n"]),
    alias("negated by a pattern", &["$K,!c* $e\n"]),
    alias("brackets are no set", &["[c]ache.example.org $E\n"]),
    port("pattern with the port", &["[127.0.0.*]:* $E\n"]),
    port("pattern with the port changed", &["[127.*]:$P $e\n"]),
    port("star takes the port too", &["* $E\n"]),
    // Hashes.
    port("hashed", &["$h($N) $E\n"]),
    port("hashed changed", &["$h($N) $e\n"]),
    port("hashed other", &["$h(other) $E\n"]),
    port("hash with a short salt", &["|1|AAAA|AAAAAAAAAAAAAAAAAAAAAAAAAAA= $E\n"]),
    port("hash of another kind", &["|2|x|y $E\n$N $E\n"]),
    port("hash in a list", &["a,$h($N) $E\n"]),
    // Blanks, ends, bytes.
    port("tabs", &["\t$N\t$E.t\tcomment\n"]),
    port("many blanks", &["   $N \t  $E   \n"]),
    port("carriage returns", &["# x\r\n$N $E\r\n"]),
    port("carriage return and comment", &["$N $E host\r\n"]),
    port("carriage return inside", &["$N\r$E\n"]),
    port("no line end", &["$N $E"]),
    port("no line end and another", &["other $e\n$N $e"]),
    port("zero byte behind", &["$N $E\0x\n"]),
    port("bytes that are no text", &["$N,\\xff $E\n"]),
    port("bytes in the comment", &["$N $E \\xff\\xff\n"]),
    port("byte order mark", &["\u{feff}$N $E\n"]),
    port("a long comment", &["$N $E $L$L$L$L$L$L$L$L$L$L$L$L$L$L$L$L$L$L$L$L\n"]),
    port("a long line of names", &["$N,a.$K,b.$K,c.$K,d.$K,e.$K,f.$K,g.$K,h.$K,i.$K,j.$K,k.$K,l.$K,m.$K,n.$K,o.$K,p.$K,q.$K,r.$K,s.$K,t.$K,u.$K $E\n"]),
    port("a name too long", &["$L,$N $E\n"]),
    port("a name too long behind", &["$N,$L $E\n"]),
    // Damaged lines.
    port("no key", &["$N\n$N ssh-ed25519\n"]).stricter(NAMED),
    port("bad base64", &["$N ssh-ed25519 AAAA*\n"]).stricter(NAMED),
    port("cut base64", &["$N ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==\n"]).stricter(NAMED),
    port("type does not fit", &["$N ssh-rsa $E.k\n"]).stricter(NAMED),
    port("type in capitals", &["$N ED25519 $E.k\n"]).stricter(NAMED),
    port("unknown type", &["$N ssh-new AAAAB3NzaC1uZXcAAAABMQ==\n"]).stricter(NAMED),
    port("signature's name for rsa", &["$N rsa-sha2-512 $R.k\n"]),
    port("signature's name for another rsa", &["$N rsa-sha2-256 $r.k\n"]),
    port("another signature's name revoked", &["$N $E\n$N $R\n@revoked * rsa-sha2-256 $R.k\n"]),
    port("protocol 1", &["$N 1024 35 1234567890\n"]).stricter(NAMED),
    port("damaged and known", &["$N ssh-ed25519 ***\n$N $E\n"]),
    port("damaged and changed", &["$N ssh-ed25519 ***\n$N $e\n"]),
    port("damaged for others", &["other ssh-ed25519 ***\n@x\n"]),
    port("certificate as a key", &["$N $EC\n"]),
    port("another marker", &["@other $N $E\n"]).stricter(NAMED),
    // Revoked.
    port("revoked", &["@revoked $N $E\n"]),
    port("revoked and known", &["$N $E\n@revoked $N $E\n"]),
    port("revoked for all", &["@revoked * $E\n$N $E\n"]),
    port("revoked with tabs", &["$N\t$E.t\n@revoked\t$N\t$E.t\n"]),
    port("revoked with carriage return", &["$N $E\r\n@revoked * $E\r\n"]),
    port("revoked by hash", &["$N $E\n@revoked $h($N) $E\n"]),
    port("revoked for others", &["$N $E\n@revoked other $E\n"]),
    port("another key revoked", &["$N $E\n@revoked * $e\n"]),
    port("revoked negated", &["$N $E\n@revoked *,!$N $E\n"]).stricter(BOTH),
    port("revoked other type and known", &["$N $E\n@revoked $N $R\n"]),
    port("authority revoked", &["@cert-authority $N $A\n@revoked $N $A\n"]).certified(),
    port("authority revoked and key known", &["$N $E\n@cert-authority $N $A\n@revoked * $A\n"]).certified(),
    alias("revoked alias", &["$K $E\n@revoked *.example.org $E\n"]),
    port("revoked for the plain name", &["$N $E\n@revoked $H $E\n"]).stricter(BOTH),
    port("plain known and revoked", &["$H $E\n@revoked $H $E\n"]).stricter(WARNED),
    port("plain revoked alone", &["@revoked $H $E\n"]).stricter(WARNED),
    port("revoked with one tab", &["$N $E\n@revoked\t$N $E\n"]).stricter("ssh reads a tab and the host as part of the marker, and skips the line"),
    // Revocations that cannot be read.
    port("revoked without a key", &["$N $E\n@revoked $N ssh-ed25519\n"]).stricter(UNREADABLE),
    port("revoked bad base64", &["$N $E\n@revoked $N ssh-ed25519 AAAA*\n"]).stricter(UNREADABLE),
    port("revoked of unknown type", &["$N $E\n@revoked * ssh-new AAAAB3NzaC1uZXcAAAABMQ==\n"]).stricter(UNREADABLE),
    port("revoked type does not fit", &["$N $E\n@revoked * ssh-rsa $E.k\n"]).stricter(UNREADABLE),
    port("revoked of no host", &["$N $E\n@revoked\n"]).stricter(UNREADABLE),
    port("revoked by a bad hash", &["$N $E\n@revoked |1|x|y $E\n"]).stricter(UNREADABLE),
    port("revoked in capitals", &["$N $E\n@REVOKED $N $E\n"]).stricter(UNREADABLE),
    port("two markers", &["$N $E\n@revoked @cert-authority $N $E\n"]).stricter(UNREADABLE),
    port("revoked certificate", &["$N $E\n@revoked $N $EC\n"]).stricter("ssh takes the certificate for the key in it; here it is one that cannot be read"),
    port("revoked other certificate", &["$N $E\n@revoked $N $eC\n"]).stricter(UNREADABLE),
    port("revoked damaged for others", &["$N $E\n@revoked other ssh-ed25519 ***\n"]),
    port("revoked damaged and negated", &["$N $E\n@revoked *,!$N,!$H ssh-ed25519 ***\n"]),
    // Authorities.
    port("authority", &["@cert-authority $N $A\n"]).certified(),
    port("authority of the plain name", &["@cert-authority $H $A\n"]).certified(),
    port("authority for all", &["@cert-authority * $A comment\n"]).certified(),
    alias("authority of the alias", &["@cert-authority *.example.org $A\n"]).certified(),
    port("another authority", &["@cert-authority * $a\n"]).certified().stricter(AUTHORITY),
    port("another authority and known", &["@cert-authority * $a\n$N $E\n"]).certified(),
    port("another authority and changed", &["@cert-authority * $a\n$N $e\n"]).certified(),
    port("authority and changed", &["@cert-authority * $A\n$N $e\n"]).certified(),
    port("another authority for the port", &["@cert-authority $N $a\n@cert-authority $H $A\n"]).certified().stricter(AUTHORITY),
    port("authority negated", &["@cert-authority *,!$N,!$H $A\n"]).certified(),
    port("authority is no host key", &["@cert-authority $N $E\n"]).certified().stricter(AUTHORITY),
    port("authority with one tab", &["@cert-authority\t$N $A\n"]).certified().stricter(NAMED),
    port("authority with tabs", &["@cert-authority\t$N\t$A.t\n"]).certified(),
    port("certified and port changed and plain known", &["$N $e\n$H $E\n"])
        .certified()
        .stricter("ssh asks for the plain name with the certificate in hand, and forgets the line for the port"),
    // Several files.
    port("second file", &["", "$N $E\n"]),
    port("changed in the first and known in the second", &["$N $e\n", "$N $E\n"]),
    port("revoked in the second", &["$N $E\n", "@revoked * $E\n"]),
    port("changed in the second", &["", "$N $e\n"]),
    port("global", &["", "$N $E\n"]).global(),
    port("global changed", &["", "$N $e\n"]).global(),
    port("global revoked", &["$N $E\n", "@revoked * $E\n"]).global(),
    port("global and own", &["$N $E\n", "$N $e\n"]).global(),
];
