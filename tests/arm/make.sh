#!/bin/sh
# Makes two emulated Arm boards in a folder: Debian's Python for aarch64 and armv7, unpacked and not installed, and beside
# each the packages that the edge runtime needs there. No binfmt, no chroot: qemu runs the Python as a program.
#
#   make.sh FOLDER PYTHON     needs Debian 12, apt and root; about half a minute and 400 MB
set -eu
folder=$1
python=$2
here=$(dirname "$0")

test -x /usr/bin/qemu-aarch64-static && test -x /usr/bin/mmdebstrap || {
	apt-get update --quiet=2
	apt-get install --quiet=2 --yes --no-install-recommends qemu-user-static mmdebstrap
}
# From where this machine itself takes Debian.
sources=$(apt-get indextargets --format 'deb $(SITE) $(CODENAME) $(COMPONENT)' \
	'Created-By: Packages' 'Codename: bookworm' 'Component: main' | sort -u)

root() {
	rm -rf "$folder/$1"
	mkdir -p "$folder"
	echo "$sources" | mmdebstrap --quiet --variant=extract --architectures="$1" --include="$2" bookworm "$folder/$1" -
	mkdir -p "$folder/$1/proc"
}
packages() {
	to=$1
	shift
	rm -rf "$folder/$to"
	"$python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
		--constraint "$here/../../constraints.txt" --target "$folder/$to" "$@"
}

root arm64 python3,libstdc++6
cp "$here/cpuinfo" "$folder/arm64/proc/cpuinfo" # without it LiteRT crashes
packages arm64-packages --platform manylinux_2_27_aarch64 --platform manylinux_2_28_aarch64 \
	--platform manylinux2014_aarch64 numpy ai-edge-litert flatbuffers protobuf typing_extensions backports.strenum tqdm ml_dtypes
# The last runtime for 32 bits, with the numpy of Debian.
root armhf python3,libstdc++6,python3-numpy
packages armhf-packages --platform manylinux_2_34_armv7l --platform manylinux2014_armv7l tflite-runtime==2.14.0
touch "$folder/made"
