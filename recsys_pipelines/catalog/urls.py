"""Addresses of pages and pictures: only http and https, absolute, in one spelling; everything else is no address."""

from functools import partial
from urllib.parse import urljoin

import polars as pl

_SCHEME = r"^[A-Za-z][A-Za-z0-9+.\-]*:"
_PARTS = r"^(?<scheme>(?i:https?))://(?<host>[^/?#]+)(?<path>[^?#]*)(?:\?(?<query>[^#]*))?(?:#.*)?$"
_HOST = r"^([\p{L}\p{N}]([\p{L}\p{N}._-]*[\p{L}\p{N}])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$"
_TRACKING = (
    r"^(utm_[a-z_]+|gclid|gclsrc|dclid|gbraid|wbraid|fbclid|msclkid|yclid|twclid|ttclid|igshid|mc_cid|mc_eid|_hs[a-z]+)"
    r"(=|$)"
)


def picture(said: pl.Expr, *, base_url: str | None, https_only: bool) -> pl.Expr:
    """The address of a picture: absolute, without white space, doubled slashes and fragment; null if it is none.

    Relative ones start at ``base_url``; ``https_only`` turns http into https. An address with a password is none.
    """
    return _spelled(_split(said, base_url), https_only=https_only, keep=None)


def page(said: pl.Expr, *, base_url: str | None, https_only: bool) -> pl.Expr:
    """The canonical address of a page: the same, without the parameters that only say where a visitor came from."""
    return _spelled(_split(said, base_url), https_only=https_only, keep=~pl.element().str.contains(_TRACKING))


def _split(said: pl.Expr, base_url: str | None) -> pl.Expr:
    """A struct of scheme, host, path and query; all null where it is no address of the web."""
    clean = said.str.replace_all(r"[\t\r\n]", "").str.strip_chars().str.replace_all(" ", "%20")
    is_host, is_short = clean.str.starts_with("www."), clean.str.starts_with("//")
    is_relative = ~clean.str.contains(_SCHEME) & ~is_host & ~is_short & (clean != "")
    join = partial(_joined, base_url=base_url)
    relative = pl.when(is_relative).then(clean).map_batches(join, return_dtype=pl.String, is_elementwise=True)
    hosted = pl.when(is_host).then(pl.concat_str(pl.lit("https://"), clean))
    shortened = pl.when(is_short).then(pl.concat_str(pl.lit("https:"), clean))
    absolute = pl.when(is_relative).then(relative).otherwise(pl.coalesce(hosted, shortened, clean))
    return absolute.str.extract_groups(_PARTS)


def _joined(paths: pl.Series, base_url: str | None) -> pl.Series:
    """By the rules of RFC 3986, ``..`` included; nothing without a base."""
    if base_url is None:
        return pl.Series(paths.name, [None] * len(paths), pl.String)
    return pl.Series(paths.name, [path and urljoin(base_url, path) for path in paths], pl.String)


def _spelled(parts: pl.Expr, *, https_only: bool, keep: pl.Expr | None) -> pl.Expr:
    scheme, host, path, query = (parts.struct.field(name) for name in ("scheme", "host", "path", "query"))
    scheme = pl.lit("https") if https_only else scheme.str.to_lowercase()
    host = host.str.to_lowercase()
    port = (
        pl.when(parts.struct.field("scheme").str.to_lowercase() == "http").then(pl.lit(":80")).otherwise(pl.lit(":443"))
    )
    bare = pl.when(host.str.ends_with(port)).then(host.str.replace(r":[0-9]+$", "")).otherwise(host)
    single = path.str.replace(r"^/+", "/").str.replace_all(r"([^:/])/{2,}", "${1}/")
    rooted = pl.when(single == "").then(pl.lit("/")).otherwise(single)
    asked = query if keep is None else query.str.split("&").list.eval(pl.element().filter(keep)).list.join("&")
    tail = pl.when(asked != "").then(pl.concat_str(pl.lit("?"), asked)).otherwise(pl.lit(""))
    whole = pl.concat_str(scheme, pl.lit("://"), bare, rooted, tail)
    return pl.when(host.str.contains(_HOST)).then(whole)
