# The program, built from this folder.
#
#   nix-build -E 'with import <nixpkgs> { }; callPackage ./package.nix { }'
{
  lib,
  stdenv,
  rustPlatform,
  installShellFiles,
}:

let
  cargo = builtins.fromTOML (builtins.readFile ./Cargo.toml);
in
rustPlatform.buildRustPackage {
  pname = cargo.package.name;
  version = cargo.package.version;

  src = lib.cleanSourceWith {
    src = lib.cleanSource ./.;
    filter = path: _type: baseNameOf path != "target";
  };
  cargoLock.lockFile = ./Cargo.lock;

  nativeBuildInputs = [ installShellFiles ];

  # The tests want root, sshd and a Nix store of their own: ./tests/run runs them.
  doCheck = false;

  # The program prints its own pages, so it has to run where it is built.
  postInstall = lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    sh docs/packaging/pages $out/bin/storekeeper pages
    installManPage pages/*.1
    installShellCompletion pages/storekeeper.bash pages/storekeeper.fish pages/_storekeeper
  '';

  meta = {
    description = cargo.package.description;
    license = with lib.licenses; [ mit asl20 ];
    mainProgram = "storekeeper";
    platforms = lib.platforms.unix;
  };
}
