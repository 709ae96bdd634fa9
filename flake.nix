{
  description = "A terminal admin console for private Nix binary caches that are served over SSH";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" ];
      each = of: nixpkgs.lib.genAttrs systems (system: of nixpkgs.legacyPackages.${system});
    in
    {
      # `nix run . -- demo`
      packages = each (pkgs: rec {
        storekeeper = pkgs.callPackage ./package.nix { };
        default = storekeeper;
      });

      overlays.default = import ./docs/nixos/overlay.nix;

      nixosModules = {
        # A cache server. Nothing of the program runs there.
        default = ./docs/nixos/module.nix;
        # A machine that watches cache servers, with the program of this flake.
        watch = { lib, pkgs, ... }: {
          imports = [ ./docs/nixos/watch.nix ];
          services.storekeeper-watch.package =
            lib.mkDefault self.packages.${pkgs.stdenv.hostPlatform.system}.default;
        };
        # A build machine that pushes to a cache, with the program of this flake.
        push = { lib, pkgs, ... }: {
          imports = [ ./docs/nixos/push.nix ];
          services.storekeeper-push.package =
            lib.mkDefault self.packages.${pkgs.stdenv.hostPlatform.system}.default;
        };
      };

      devShells = each (pkgs: {
        default = pkgs.mkShell {
          inputsFrom = [ self.packages.${pkgs.stdenv.hostPlatform.system}.default ];
          packages = with pkgs; [ cargo-nextest clippy rustfmt shellcheck ];
        };
      });
    };
}
