# What the flake gives, as JSON.
let
  nixpkgs = import ./nixpkgs.nix;
  flake = import ../../../flake.nix;
  outputs = flake.outputs { inherit nixpkgs; self = outputs; };
  pkgs = nixpkgs.legacyPackages.x86_64-linux;
  package = outputs.packages.x86_64-linux.default;
  overlaid = pkgs // outputs.overlays.default overlaid pkgs;
  watch = outputs.nixosModules.watch { inherit pkgs; inherit (nixpkgs) lib; };
  push = outputs.nixosModules.push { inherit pkgs; inherit (nixpkgs) lib; };
  pushing = (import (builtins.head push.imports) {
    inherit (nixpkgs) lib;
    config.nix.package = "nix";
    config.services.storekeeper-push = {
      enable = true;
      package = package.outPath;
      server = "prod";
      configFile = "/etc/c.toml";
      spool = "/var/spool/push";
    };
  }).config;
  # The options of a module: name, default, text.
  options = module: under: at:
    builtins.concatLists (builtins.attrValues (builtins.mapAttrs
      (name: option: if option ? description then [{
        name = under + name;
        default = option.defaultText or (if option ? default then builtins.toJSON option.default else null);
        inherit (option) description;
      }] ++ (if builtins.isAttrs option.type then options module "${under}${name}.<name>." option.type.options else [ ])
      else options module "${under}${name}." option)
      at));
  of = file: (import file { config = { }; inherit (nixpkgs) lib; }).options.services;
in
{
  systems = builtins.attrNames outputs.packages;
  shells = builtins.attrNames outputs.devShells;
  package = {
    inherit (package) pname version src doCheck postInstall nativeBuildInputs meta;
    lock = toString package.cargoLock.lockFile;
  };
  overlaid = overlaid.storekeeper.pname;
  shell = map (input: input.pname) outputs.devShells.aarch64-darwin.default.inputsFrom;
  server = options null "" (of outputs.nixosModules.default).storekeeper;
  watch = options null "" (of (builtins.head watch.imports)).storekeeper-watch;
  push = options null "" (of (builtins.head push.imports)).storekeeper-push;
  pushes = push.services.storekeeper-push.package.outPath;
  hook = pushing.environment.etc."storekeeper/post-build-hook".text;
  drain = pushing.systemd.services.storekeeper-push.script;
  watches = watch.services.storekeeper-watch.package.outPath;
}
