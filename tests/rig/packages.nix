# What the rig's scratch store holds. Each package is one folder with one file; /bin/sh and mkdir are all that building needs.
let
  build = name: refs: script: derivation {
    inherit name refs;
    PATH = "/usr/bin:/bin";
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-c" script ];
  };
  package = name: refs: build name refs "mkdir $out; echo ${name} $refs > $out/about";
  selfish = name: refs: build name refs "mkdir $out; echo ${name} $refs $out > $out/about";
in rec {
  # A diamond whose top refers to itself, all signed by the cache's key.
  leaf = package "leaf-1.0" [ ];
  left = package "left-1.0" [ leaf ];
  right = package "right-1.0" [ leaf ];
  top = selfish "top-1.0" [ left right ];
  # Signed itself, on a library that is not.
  unsignedLibrary = package "library-2.0" [ leaf ];
  onUnsigned = package "application-2.0" [ unsignedLibrary ];
  # Not signed, on what is.
  fresh = selfish "fresh-3.1" [ top ];
  retired = package "retired-0.9" [ ];
  both = package "rotated-1.0" [ ];
  upstream = package "upstream-3.0" [ ];
  stranger = package "stranger-1.0" [ ];
  flipped = package "flipped-1.0" [ ];
  otherPath = package "other-path-1.0" [ ];
  imposter = package "imposter-1.0" [ ];
  truncated = package "truncated-1.0" [ ];
  truncatedBeside = package "truncated-beside-1.0" [ ];
  wrongBeside = package "wrong-beside-1.0" [ ];
  falseAddress = package "false-address-1.0" [ ];
  falseAddressSigned = package "false-address-signed-1.0" [ ];
  misplaced = package "misplaced-1.0" [ ];
  builtHere = package "built-here-1.0" [ ];
}
