# nixpkgs.overlays = [ (import ./overlay.nix) ];
final: _previous: {
  storekeeper = final.callPackage ./package.nix { };
}
