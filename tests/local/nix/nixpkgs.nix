# As much of nixpkgs as this repository's Nix files use, made of Nix's own words: what a build would be asked for, without building.
let
  lib = {
    genAttrs = names: of:
      builtins.listToAttrs (map (name: { inherit name; value = of name; }) names);
    cleanSource = path: path;
    cleanSourceWith = { src, filter }: assert !filter "${toString src}/target" "directory"; toString src;
    optionalString = on: text: if on then text else "";
    mkDefault = value: value;
    mkEnableOption = what: { type = "bool"; default = false; description = "Whether to enable ${what}."; };
    mkOption = option: option;
    mkIf = on: value: if on then value else { };
    mkMerge = parts: parts;
    optionals = on: list: if on then list else [ ];
    nameValuePair = name: value: { inherit name value; };
    mapAttrs' = of: set:
      builtins.listToAttrs (map (name: of name set.${name}) (builtins.attrNames set));
    escapeShellArgs = words: builtins.concatStringsSep " " (map (word: "'${word}'") words);
    types = {
      str = "str";
      bool = "bool";
      package = "package";
      ints.positive = "positive";
      nullOr = of: "null or ${of}";
      listOf = of: "list of ${of}";
      attrsOf = of: of;
      submodule = module: module;
    };
    licenses = { mit = "MIT"; asl20 = "Apache-2.0"; };
    platforms.unix = [ "unix" ];
  };
  pkgsOf = system: rec {
    inherit lib;
    stdenv = { hostPlatform.system = system; buildPlatform.canExecute = _: true; };
    rustPlatform.buildRustPackage = asked: asked // { outPath = "/made/${system}"; };
    installShellFiles = "installShellFiles";
    cargo-nextest = 1;
    clippy = 1;
    rustfmt = 1;
    shellcheck = 1;
    mkShell = asked: asked;
    callPackage = file: with_:
      let package = import file; here = { inherit lib stdenv rustPlatform installShellFiles; }; in
      package (builtins.intersectAttrs (builtins.functionArgs package) here // with_);
  };
in
{
  inherit lib;
  legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" ] pkgsOf;
}
