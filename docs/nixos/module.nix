# A Nix binary cache over SSH that storekeeper administers.
#
#   imports = [ ./module.nix ];
#   services.storekeeper.enable = true;
#
# It serves the store to the cache user, has sshd read a further key file that can be edited while the system runs, and
# notes keys that nobody knows yet as requests. docs/nixos/README.md has the whole way.
{ config, lib, ... }:

let
  cfg = config.services.storekeeper;
  inherit (lib) mkEnableOption mkIf mkMerge mkOption optionalString types;

  # sshd takes a script only if nobody but root may write it or a folder above it. /nix/store is group-writable, so the
  # script is copied into /etc.
  knock = "/etc/storekeeper/knock";

  # From OpenSSH 9.4 on sshd can tell the script the addresses of a connection; an older one does not know the token.
  openssh = config.services.openssh.package or config.programs.ssh.package or { };
  connection = optionalString (builtins.compareVersions (openssh.version or "0") "9.4" >= 0) " %C";
in
{
  options.services.storekeeper = {
    enable = mkEnableOption "what storekeeper needs on a cache server";

    user = mkOption {
      type = types.str;
      default = "nix-ssh";
      description = "The user that clients of the cache log in as.";
    };

    serve = mkOption {
      type = types.bool;
      default = true;
      description = "Whether to serve the store by nix.sshServe. Only for the user nix-ssh.";
    };

    signingKey = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "/var/keys/cache.example.org-1.sec";
      description = "The file of the key that signs, outside of the store and readable by root alone.";
    };

    stateDir = mkOption {
      type = types.str;
      default = "/var/lib/storekeeper";
      description = "The folder of the audit log, the requests and the key files.";
    };

    knock = mkOption {
      type = types.bool;
      default = true;
      description = "Whether a key that no file has is noted as a request. It is refused as before.";
    };
  };

  options.services.storekeeper.leaseDays = mkOption {
    type = types.nullOr types.ints.positive;
    default = null;
    example = 14;
    description = "For how many days an upload is protected from every collection; null for none.";
  };

  options.services.storekeeper.autoSign = {
    names = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "ledger-*" ];
      description = "Names of new uploads that are signed by themselves with `signingKey`, with `*` and `?`; none for not at all.";
    };

    never = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Names that are never signed by themselves, nor what needs such a path.";
    };

    uploaders = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "SHA256:…" ];
      description = "Fingerprints of the keys whose uploads are signed, as far as the journal tells who has uploaded them; none for all uploads.";
    };
  };

  options.services.storekeeper.gc = {
    package = mkOption {
      type = types.nullOr types.package;
      default = null;
      description = "The storekeeper that collects by the retention policy of this server; null for not at all.";
    };

    dates = mkOption {
      type = types.str;
      default = "daily";
      example = "Sun 03:00";
      description = "When it collects, as systemd.time(7) has it.";
    };
  };

  config = mkIf cfg.enable (mkMerge [
    {
      nix.sshServe.enable = mkIf cfg.serve true;
      nix.settings.secret-key-files = mkIf (cfg.signingKey != null) [ cfg.signingKey ];

      systemd.tmpfiles.rules = [
        "d ${cfg.stateDir} 0711 root root -"
        # The key file can be edited while the system runs. What nix.sshServe.keys says is in /etc and is not.
        "d ${cfg.stateDir}/keys 0755 root root -"
        "f ${cfg.stateDir}/keys/${cfg.user} 0644 root root -"
        "d ${cfg.stateDir}/requests 0755 root root -"
      ];

      services.openssh.enable = true;
      services.openssh.extraConfig = ''
        Match User ${cfg.user}
          AuthorizedKeysFile /etc/ssh/authorized_keys.d/%u ${cfg.stateDir}/keys/%u
          # Without it sshd does not log which key was refused.
          LogLevel VERBOSE
      '' + optionalString cfg.knock ''
          AuthorizedKeysCommand ${knock} %u %t %k %f ${cfg.stateDir}/requests${connection}
          AuthorizedKeysCommandUser storekeeper
      '' + ''
        Match all
      '';
    }

    (mkIf cfg.knock {
      users.users.storekeeper = {
        isSystemUser = true;
        group = "storekeeper";
        description = "notes requests for access to the cache";
      };
      users.groups.storekeeper = { };

      systemd.tmpfiles.rules = [
        # What waits is written by the knock; decisions are root's.
        "d ${cfg.stateDir}/requests/waiting 0700 storekeeper storekeeper -"
        "d ${cfg.stateDir}/requests/denied 0755 root root -"
        "d ${cfg.stateDir}/requests/approved 0700 root root -"
        "d ${cfg.stateDir}/requests/revoked 0700 root root -"
      ];

      # A mode makes it a copy and not a link.
      environment.etc."storekeeper/knock" = {
        source = ../../src/server/scripts/knock.sh;
        mode = "0555";
      };
    })

    (mkIf (cfg.leaseDays != null) {
      environment.etc."storekeeper/lease" = {
        source = ../../src/server/scripts/lease.sh;
        mode = "0555";
      };
      systemd.services.storekeeper-lease = {
        description = "Keep new uploads from being collected";
        serviceConfig.Type = "oneshot";
        script = "exec /bin/sh /etc/storekeeper/lease ${toString cfg.leaseDays} /nix/store /nix/var/nix/gcroots";
      };
      systemd.timers.storekeeper-lease = {
        wantedBy = [ "timers.target" ];
        timerConfig = {
          OnBootSec = "1min";
          OnUnitInactiveSec = "5min";
        };
      };
    })

    (mkIf (cfg.autoSign.names != [ ]) {
      assertions = [{
        assertion = cfg.signingKey != null;
        message = "services.storekeeper.autoSign signs with services.storekeeper.signingKey, which is not set";
      }];
      environment.etc."storekeeper/auto-sign" = {
        source = ../../src/server/scripts/auto-sign.sh;
        mode = "0555";
      };
      environment.etc."storekeeper/audit-append" = {
        text = builtins.concatStringsSep "" (map (part: builtins.readFile (../../src/server/scripts + "/${part}.sh")) [ "path" "folder" "audit-log" "audit-append" ]);
        mode = "0555";
      };
      environment.etc."storekeeper/auto-sign.rules" = {
        mode = "0444";
        text = builtins.concatStringsSep "" (map (line: "${line}\n") ([
          "store /nix/store"
          "key ${cfg.signingKey}"
          "log ${cfg.stateDir}/audit.jsonl"
          "append /etc/storekeeper/audit-append"
          "days 7"
        ]
        ++ map (key: "trust ${key}") (config.nix.settings.trusted-public-keys or [ ])
        ++ map (name: "name ${name}") cfg.autoSign.names
        ++ map (name: "never ${name}") cfg.autoSign.never
        ++ map (key: "uploader ${key}") cfg.autoSign.uploaders));
      };
      systemd.services.storekeeper-auto-sign = {
        description = "Sign new uploads that rules name";
        serviceConfig.Type = "oneshot";
        script = "exec /bin/sh /etc/storekeeper/auto-sign /etc/storekeeper/auto-sign.rules";
      };
      systemd.timers.storekeeper-auto-sign = {
        wantedBy = [ "timers.target" ];
        timerConfig = {
          OnBootSec = "1min";
          OnUnitInactiveSec = "5min";
        };
      };
    })

    (mkIf (cfg.gc.package != null) {
      environment.etc."storekeeper/gc" = {
        source = ../../src/server/scripts/policy-run.sh;
        mode = "0555";
      };
      environment.etc."storekeeper/gc.toml".text = ''
        [servers.cache]
        host = "local"
        audit_log = "${cfg.stateDir}/audit.jsonl"
        cache_user = "${cfg.user}"
        requests_dir = "${cfg.stateDir}/requests"
      '';
      systemd.services.storekeeper-gc = {
        description = "Collect by the retention policy";
        serviceConfig = {
          Type = "oneshot";
          KillMode = "mixed";
          TimeoutStopSec = 60;
          Nice = 10;
          IOSchedulingClass = "idle";
        };
        script = "exec /bin/sh /etc/storekeeper/gc run ${cfg.gc.package}/bin/storekeeper /etc/storekeeper/gc.toml ${cfg.stateDir}/gc.state";
      };
      systemd.timers.storekeeper-gc = {
        wantedBy = [ "timers.target" ];
        timerConfig = {
          OnCalendar = cfg.gc.dates;
          RandomizedDelaySec = "15min";
          Persistent = true;
        };
      };
    })
  ]);
}
