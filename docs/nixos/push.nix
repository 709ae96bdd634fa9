# A build machine that pushes what it builds to a cache.
#
#   imports = [ ./push.nix ];
#   services.storekeeper-push = { enable = true; package = storekeeper; server = "prod"; };
#
# The server is a name of /etc/storekeeper/config.toml. Builds only spool; a service pushes, and its messages are in the journal.
{ config, lib, ... }:

let
  cfg = config.services.storekeeper-push;
  inherit (lib) escapeShellArgs mkEnableOption mkIf mkOption types;
  push = "${cfg.package}/bin/storekeeper push " + escapeShellArgs [ cfg.server "--spool" cfg.spool ];
in
{
  options.services.storekeeper-push = {
    enable = mkEnableOption "pushing what is built here to a cache";

    package = mkOption {
      type = types.package;
      description = "The storekeeper that pushes.";
    };

    server = mkOption {
      type = types.str;
      description = "The cache, by its name in the configuration.";
    };

    configFile = mkOption {
      type = types.str;
      default = "/etc/storekeeper/config.toml";
      description = "The configuration that has the server and the key that logs in.";
    };

    spool = mkOption {
      type = types.str;
      default = "/var/spool/storekeeper-push";
      description = "The folder of what waits to be pushed.";
    };
  };

  config = mkIf cfg.enable {
    environment.etc."storekeeper/post-build-hook" = {
      mode = "0555";
      text = "#!/bin/sh\nexec ${push}\n";
    };
    nix.settings.post-build-hook = "/etc/storekeeper/post-build-hook";
    systemd.services.storekeeper-push = {
      description = "Push builds to the binary cache ${cfg.server}";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      path = [ config.nix.package ];
      script = "exec ${push} --drain --follow --yes --quiet --config " + escapeShellArgs [ cfg.configFile ];
      environment.XDG_STATE_HOME = "/var/lib/storekeeper-push";
      environment.XDG_CACHE_HOME = "/var/cache/storekeeper-push";
      serviceConfig = {
        StateDirectory = "storekeeper-push";
        CacheDirectory = "storekeeper-push";
        Restart = "always";
        RestartSec = 30;
      };
    };
  };
}
