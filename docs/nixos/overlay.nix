# nixpkgs.overlays = [ (import ./docs/nixos/overlay.nix) ];
final: _previous: {
  storekeeper = final.callPackage ../../package.nix { };
}
