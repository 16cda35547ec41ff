#!/bin/sh
# Install PostgreSQL's server programs for the tests of a shared store, where that needs no
# question: as root, with apt. Otherwise those tests are skipped, which is no failure.
if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null; then
    exit 0
fi
skip() {
    echo "The tests on PostgreSQL will be skipped: $1"
    exit 0
}
[ "$(id -u)" = 0 ] || skip "its server programs are not installed (apt install postgresql)"
command -v apt-get >/dev/null || skip "this system has no apt-get to install it with"

# The tests start a server of their own; the system's is not wanted.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] ||
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
export DEBIAN_FRONTEND=noninteractive
install="apt-get install -y -q --no-install-recommends -o Dpkg::Options::=--force-confold postgresql"
timeout 600 $install </dev/null >/dev/null 2>&1 && exit 0
timeout 300 apt-get update -q </dev/null >/dev/null 2>&1
timeout 600 $install </dev/null >/dev/null 2>&1 || skip "apt-get could not install it"
