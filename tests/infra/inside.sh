# What a person does on a device, on a booted systemd: see test_device.py. Run by boot.sh; /given has what was installed.
cd /given || exit
mkdir -p /srv/bundles && install -m 0644 signed1.tflite /srv/bundles/
cp -a root/opt/mgdist-edge /opt/
wheel=$(echo *.whl)
ask() {
    curl --silent --max-time 10 --header 'Content-Type: application/json' --data '"Return the array."' http://127.0.0.1:8080/predict | grep -o '"label": "[^"]*"'
}

echo "== install"
infra/device/install.sh --wheel "$wheel" --key maker.pub --bundle signed1.tflite --source /srv/bundles
systemctl is-active mgdist-edge.service mgdist-edge.path mgdist-edge-watch.timer
ask
pid=$(systemctl show --property MainPID --value mgdist-edge.service)
stat --format 'serve runs as %U' "/proc/$pid"
grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' "/proc/$pid/status" | tr '\t' ' '
nsenter --target "$pid" --mount touch /var/lib/mgdist-edge/x 2>&1 | grep -o "Read-only file system"
stat --format 'store of %U, %a' /var/lib/mgdist-edge

echo "== watch"
install -m 0644 signed2.tflite /srv/bundles/
systemctl start mgdist-edge-watch.service
for _ in 1 2 3 4 5 6 7 8 9 10; do ask | grep -q ' 2"' && break; sleep 0.5; done
ask
stat --format '%U' /var/lib/mgdist-edge/current

echo "== again"
infra/device/install.sh --wheel "$wheel" --key maker.pub
systemctl show --property ActiveState,NRestarts mgdist-edge.service

echo "== stopped, until a first version comes"
systemctl stop mgdist-edge.service 2>/dev/null
sleep 1
systemctl is-active mgdist-edge.service
rm -r /var/lib/mgdist-edge/*
setpriv --reuid mgdist-edge --regid mgdist-edge --init-groups env XDG_CACHE_HOME=/tmp/cache /opt/mgdist-edge/bin/python \
    -m mgdist_edge install /srv/bundles/signed1.tflite --into /var/lib/mgdist-edge --require-signature /etc/mgdist-edge/mgdist.pub
for _ in 1 2 3 4 5 6 7 8 9 10; do systemctl is-active --quiet mgdist-edge.service && break; sleep 0.5; done
ask
echo "== end"
