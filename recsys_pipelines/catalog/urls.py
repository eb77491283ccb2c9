"""Addresses of pages and pictures: only http and https, absolute, in one spelling; everything else is no address."""

from urllib.parse import urljoin

import polars as pl

_SCHEME = r"^[A-Za-z][A-Za-z0-9+.\-]*:"
_PARTS = r"^(?<scheme>(?i:https?))://(?<host>[^/?#]+)(?<path>[^?#]*)(?:\?(?<query>[^#]*))?(?:#.*)?$"
_HOST = r"^([\p{L}\p{N}]([\p{L}\p{N}._-]*[\p{L}\p{N}])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$"
_TRACKING = (
    r"^(utm_[a-z_]+|gclid|gclsrc|dclid|gbraid|wbraid|fbclid|msclkid|yclid|twclid|ttclid|igshid|mc_cid|mc_eid|_hs[a-z]+)"
    r"(=|$)"
)


def picture(said: pl.Series, *, base_url: str | None, https_only: bool) -> pl.Series:
    """The addresses of pictures: absolute, without white space, doubled slashes and fragment; null where it is none.

    Relative ones start at ``base_url``; ``https_only`` turns http into https. An address with a password is none.
    """
    return _spelled(_split(said, base_url), https_only=https_only, keep=None)


def page(said: pl.Series, *, base_url: str | None, https_only: bool) -> pl.Series:
    """The canonical addresses of pages: the same, without parameters that only say where a visitor came from."""
    return _spelled(_split(said, base_url), https_only=https_only, keep=~pl.element().str.contains(_TRACKING))


def _split(said: pl.Series, base_url: str | None) -> pl.DataFrame:
    """Scheme, host, path and query of each; all null where it is no address of the web.

    Step by step, for as one expression every use of a step would compute it again.
    """
    clean = pl.col("said").str.replace_all(r"[\t\r\n]", "").str.strip_chars().str.replace_all(" ", "%20", literal=True)
    is_host, is_short = pl.col("clean").str.starts_with("www."), pl.col("clean").str.starts_with("//")
    is_relative = ~pl.col("clean").str.contains(_SCHEME) & ~is_host & ~is_short & (pl.col("clean") != "")
    rows = said.alias("said").to_frame().select(clean=clean).with_columns(is_relative=is_relative)
    joined = _joined(rows.select(pl.when("is_relative").then("clean")).to_series(), base_url)
    hosted = pl.when(is_host).then(pl.concat_str(pl.lit("https://"), "clean"))
    shortened = pl.when(is_short).then(pl.concat_str(pl.lit("https:"), "clean"))
    absolute = pl.when("is_relative").then(joined).otherwise(pl.coalesce(hosted, shortened, "clean"))
    return rows.select(absolute=absolute).select(pl.col("absolute").str.extract_groups(_PARTS)).unnest("absolute")


def _joined(paths: pl.Series, base_url: str | None) -> pl.Series:
    """By the rules of RFC 3986, ``..`` included; nothing without a base."""
    if base_url is None:
        return pl.Series(paths.name, [None] * len(paths), pl.String)
    return pl.Series(paths.name, [path and urljoin(base_url, path) for path in paths], pl.String)


def _spelled(parts: pl.DataFrame, *, https_only: bool, keep: pl.Expr | None) -> pl.Series:
    known = parts.with_columns(pl.col("scheme", "host").str.to_lowercase())
    usual = pl.when(pl.col("scheme") == "http").then(pl.lit(":80")).otherwise(pl.lit(":443"))
    bare = pl.when(pl.col("host").str.ends_with(usual)).then(pl.col("host").str.replace(r":[0-9]+$", ""))
    single = pl.col("path").str.replace(r"^/+", "/").str.replace_all(r"([^:/])/{2,}", "${1}/")
    query = pl.col("query")
    asked = query if keep is None else query.str.split("&").list.eval(pl.element().filter(keep)).list.join("&")
    spelled = known.select(
        "host",
        scheme=pl.lit("https") if https_only else "scheme",
        bare=bare.otherwise("host"),
        path=pl.when(single == "").then(pl.lit("/")).otherwise(single),
        asked=asked,
    )
    tail = pl.when(pl.col("asked") != "").then(pl.concat_str(pl.lit("?"), "asked")).otherwise(pl.lit(""))
    whole = pl.concat_str("scheme", pl.lit("://"), "bare", "path", tail)
    return spelled.select(pl.when(pl.col("host").str.contains(_HOST)).then(whole)).to_series()
