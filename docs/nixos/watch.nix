# A machine that watches cache servers and runs a program for what happens there.
#
#   imports = [ ./watch.nix ];
#   services.storekeeper-watch = {
#     package = storekeeper;
#     servers.prod = { events = [ "refused-path" "refused-login" "daemon" ]; exec = "/etc/storekeeper/on-event"; };
#   };
#
# The servers are names of /etc/storekeeper/config.toml. Each has a service whose events are in the journal.
{ config, lib, ... }:

let
  cfg = config.services.storekeeper-watch;
  inherit (lib) escapeShellArgs mapAttrs' mkOption nameValuePair optionals types;

  service = name: server:
    nameValuePair "storekeeper-watch-${name}" {
      description = "Events of the binary cache ${name}";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      script = "exec ${cfg.package}/bin/storekeeper watch " + escapeShellArgs (
        [ name "--jsonl" "--read-only" "--quiet" "--config" cfg.configFile ]
        ++ optionals (server.events != [ ]) [ "--events" (builtins.concatStringsSep "," server.events) ]
        ++ optionals (server.exec != null) [ "--exec" server.exec "--exec-pause" server.pause ]
      );
      # Where the state is, the key is as well, if the configuration names none.
      environment.HOME = "/var/lib/storekeeper-watch";
      environment.XDG_CACHE_HOME = "/var/cache/storekeeper-watch";
      serviceConfig = {
        User = "storekeeper-watch";
        DynamicUser = true;
        StateDirectory = "storekeeper-watch";
        CacheDirectory = "storekeeper-watch";
        SuccessExitStatus = 130;
        Restart = "always";
        RestartSec = 30;
      };
    };
in
{
  options.services.storekeeper-watch = {
    package = mkOption {
      type = types.package;
      description = "The storekeeper that runs.";
    };

    configFile = mkOption {
      type = types.str;
      default = "/etc/storekeeper/config.toml";
      description = "Its configuration, with the servers.";
    };

    servers = mkOption {
      default = { };
      description = "The servers that are watched, by their names in the configuration.";
      type = types.attrsOf (types.submodule {
        options = {
          events = mkOption {
            type = types.listOf types.str;
            default = [ ];
            example = [ "refused-path" "daemon" ];
            description = "Only events of these kinds; all by default.";
          };

          exec = mkOption {
            type = types.nullOr types.str;
            default = null;
            description = "A command for sh that gets events on its standard input, one JSON object a line.";
          };

          pause = mkOption {
            type = types.str;
            default = "10s";
            description = "The command is started at most once in so long.";
          };
        };
      });
    };
  };

  config.systemd.services = mapAttrs' service cfg.servers;
}
