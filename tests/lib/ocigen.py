"""Make OCI image layouts byte by byte: good ones for the fixtures, bad ones for the hostile tests.

A Layout is a directory as image-spec's image-layout.md has it; tests/lib/faultd serves such
directories as repositories. Everything is deterministic.
"""
import gzip, hashlib, io, json, os, subprocess, tarfile

OCI = "application/vnd.oci.image."
MANIFEST, INDEX, CONFIG = OCI + "manifest.v1+json", OCI + "index.v1+json", OCI + "config.v1+json"
TAR, GZIP, ZSTD = OCI + "layer.v1.tar", OCI + "layer.v1.tar+gzip", OCI + "layer.v1.tar+zstd"
DOCKER = "application/vnd.docker."
DOCKER_MANIFEST = DOCKER + "distribution.manifest.v2+json"
DOCKER_LIST = DOCKER + "distribution.manifest.list.v2+json"
DOCKER_CONFIG = DOCKER + "container.image.v1+json"
DOCKER_GZIP = DOCKER + "image.rootfs.diff.tar.gzip"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def dumps(obj):
    return json.dumps(obj, separators=(",", ":")).encode()


# --- tar ----------------------------------------------------------------------------------------

def entry(name, kind=tarfile.REGTYPE, data=b"", mode=None, uid=0, gid=0, link="", xattrs=None,
          dev=(0, 0), mtime=1_000_000_000, pax=None):
    """One tar member and its content. data may also be a (size, byte) pair for a long run."""
    t = tarfile.TarInfo(name)
    t.type, t.uid, t.gid, t.linkname, t.mtime = kind, uid, gid, link, mtime
    t.mode = mode if mode is not None else (0o755 if kind == tarfile.DIRTYPE else 0o644)
    t.devmajor, t.devminor = dev
    t.size = len(data) if kind == tarfile.REGTYPE else 0
    t.pax_headers = dict(pax or {})
    for key, value in (xattrs or {}).items():
        t.pax_headers["SCHILY.xattr." + key] = value.decode("utf-8", "surrogateescape")
    return t, data


def directory(name, **kw):
    return entry(name, tarfile.DIRTYPE, **kw)


def symlink(name, target, **kw):
    return entry(name, tarfile.SYMTYPE, link=target, mode=0o777, **kw)


def hardlink(name, target, **kw):
    return entry(name, tarfile.LNKTYPE, link=target, **kw)


def tar(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for info, data in entries:
            t.addfile(info, io.BytesIO(data) if info.type == tarfile.REGTYPE else None)
    return out.getvalue()


def files(**kw):
    """A tar of plain files: files(a=b"...")"""
    return tar([entry(k, data=v) for k, v in kw.items()])


# --- compression --------------------------------------------------------------------------------

def gz(data, level=6):
    return gzip.compress(data, level, mtime=0)


def zst(data, *options):
    return subprocess.run(["zstd", "-q", "-c", *(options or ["-3"])], input=data,
                          stdout=subprocess.PIPE, check=True).stdout


class Layer:
    """A layer blob: its compressed bytes, media type, and the digest of the tar within."""

    def __init__(self, tardata, how="gzip", media=None, diffid=None, level=6, options=()):
        self.diffid = diffid or digest(tardata)
        if how == "gzip":
            self.data, self.media = gz(tardata, level), GZIP
        elif how == "zstd":
            self.data, self.media = zst(tardata, *options), ZSTD
        else:
            self.data, self.media = tardata, TAR
        if media:
            self.media = media


class Raw(Layer):
    """A layer blob of given bytes, whatever they are."""

    def __init__(self, data, media=GZIP, diffid="sha256:" + 64 * "0"):
        self.data, self.media, self.diffid = data, media, diffid


# --- layout -------------------------------------------------------------------------------------

class Layout:
    def __init__(self, path):
        self.path = path
        self.entries = []
        os.makedirs(os.path.join(path, "blobs", "sha256"), exist_ok=True)
        with open(os.path.join(path, "oci-layout"), "w") as f:
            f.write('{"imageLayoutVersion":"1.0.0"}')
        if os.path.exists(os.path.join(path, "index.json")):
            with open(os.path.join(path, "index.json")) as f:
                self.entries = json.load(f)["manifests"]

    def blob(self, data, media, name=None, **more):
        """Store bytes (under the digest `name` when that is to be a lie) and describe them."""
        d = name or digest(data)
        with open(os.path.join(self.path, "blobs", "sha256", d.split(":")[1]), "wb") as f:
            f.write(data)
        return {"mediaType": media, "digest": d, "size": len(data), **more}

    def tag(self, name, descriptor, **annotations):
        d = dict(descriptor)
        d["annotations"] = {"org.opencontainers.image.ref.name": name, **annotations}
        self.entries = [e for e in self.entries
                        if e["annotations"]["org.opencontainers.image.ref.name"] != name] + [d]
        with open(os.path.join(self.path, "index.json"), "wb") as f:
            f.write(dumps({"schemaVersion": 2, "manifests": self.entries}))

    def config(self, layers, config=None, arch="amd64", os_="linux", **top):
        return {"architecture": arch, "os": os_, "config": config or {},
                "rootfs": {"type": "layers", "diff_ids": [l.diffid for l in layers]},
                "history": [{"created_by": "test"} for _ in layers], **top}

    def image(self, tag, layers, config=None, arch="amd64", docker=False, edit_config=None,
              edit=None, **top):
        """Write an image and tag it (tag None: not). edit(manifest) and edit_config(config) may
        return changed objects, or bytes to be stored as they are."""
        conf = self.config(layers, config, arch, **top)
        conf = edit_config(conf) if edit_config else conf
        data = conf if isinstance(conf, bytes) else dumps(conf)
        cdesc = self.blob(data, DOCKER_CONFIG if docker else CONFIG)
        ldescs = [self.blob(l.data, DOCKER_GZIP if docker else l.media) for l in layers]
        media = DOCKER_MANIFEST if docker else MANIFEST
        m = {"schemaVersion": 2, "mediaType": media, "config": cdesc, "layers": ldescs}
        m = edit(m) if edit else m
        data = m if isinstance(m, bytes) else dumps(m)
        desc = self.blob(data, media)
        if tag:
            self.tag(tag, desc)
        return desc

    def index(self, tag, descriptors, media=INDEX):
        desc = self.blob(dumps({"schemaVersion": 2, "mediaType": media, "manifests": descriptors}),
                         media)
        self.tag(tag, desc)
        return desc
