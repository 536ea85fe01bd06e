"""The vocabulary: the bytes of one example of every event type, pinned, and what is said of each type.

The bytes below are the format of every record there is. If one of these tests fails, a change has altered it: new
fields go to the end with a default (then the old bytes still decode and only the new example differs), nothing is
retyped, and no tag is used again.
"""

from __future__ import annotations

import re

import msgspec
import pytest

from deleverage.events.codec import decode_event, encode_event
from deleverage.events.envelope import Event, Origin
from deleverage.events.vocabulary import (
    ACCOUNT_FIELDS,
    BODY_TYPES,
    PUBLIC_TYPES,
    SCHEMA,
    TYPES_BY_NAME,
    Body,
    accounts_named,
)

from .support.examples import EXAMPLES

PINNED = {
    "RunStarted": (
        "9a0101a463616c6dc40101a767656e65726963c401029195a66d617267696ea6746965726564a13181ab7761726e696e675f6270"
        "73cd30d43207c40103aa656e646f67656e6f7573"
    ),
    "RunForked": "9602c40104639192aa61646c2e706f6c696379ac70726f6669742d73686172659000",
    "SourceOpened": "950301ad7472616465732e6373762e677aa6746172646973c40105",
    "RunEnded": "920491940064029193a96d616c666f726d65640139",
    "AssetListed": "940a00a45553445406",
    "InstrumentListed": (
        "9d0b02a84254432d50455250a767656e65726963a66c696e65617200a3302e31a5302e30303164929300cd13880093cd03e8cd27"
        "10ce004c4b401ecd1388cd0fa0"
    ),
    "LimitsStated": "970d02919300cd4e2000ce0007a120cd0fa0ce00895440ce00011170",
    "AccountOpened": "990c08a7616c6963653a31a767656e65726963a475736572a869736f6c61746564000706",
    "FundAssigned": "930e0204",
    "PriceTicked": "9314929200ce0011da509201ce00065518940111cd03e8cd03e9",
    "DepthQuoted": "95150192920acd01f49232cd07d092920acd01909232cd076c940111cd03e8cd03e9",
    "FundingRateSet": "941601d2fffe7960940111cd03e8cd03e9",
    "Deposited": "941705ce000f4240940111cd03e8cd03e9",
    "Withdrawn": "941805ce0003d090940111cd03e8cd03e9",
    "Transferred": "95190506cd2710940111cd03e8cd03e9",
    "TradeExecuted": "9d1a0506010203d0d8ce00065518d2ff02b4404d4ec3940111cd03e8cd03e9",
    "BalanceStated": "941b05cd03e7940111cd03e8cd03e9",
    "PositionStated": "971c050102d0d8d2ff02b440940111cd03e8cd03e9",
    "InputRefused": "951d05a957697468647261776eb37468652062616c616e636520697320676f6e65ce0003d090",
    "FillReported": (
        "dc00101e0501024d4ed0d8ce000655183cd1fc192a03aa436c6f7365204c6f6e67c39192a3666565ad342e323030303030303030"
        "3031940111cd03e8cd03e9"
    ),
    "MarkPriced": "962801ce00065518f4ce0006550ccf000000609ff14690",
    "MarginCalled": "952905cd04b0cd03e8cd30d4",
    "MarginCallMet": "952a05cd05ddcd03e8cd3a98",
    "CollateralAdded": "932b05cd0320",
    "PositionReduced": "992c0501010214ce00065519ce007ea5f414",
    "FundingAccrued": "952d01ce000186a0ce00065518cf00000009a997bf00",
    "FeeCharged": "942e052aa57472616465",
    "RulesAnnounced": "972f01cd30d4cd2710cd2af8a6627566666572cd1770",
    "RulesChanged": "983001919300cd30d400919300cd61a800cd2710cd2af8a66275666665722c",
    "LiquidationStarted": "953c0305cd03e7cd03e8",
    "OrdersCancelled": "963d0305090bb96e6f2064657074682077697468696e20746865206c696d6974",
    "LiquidationOrdered": "9a3e0309050102f8ce0006513001c2",
    "LiquidationFilled": "9e3f03090a05010102f8ce00065194d2ffcd7360031c940111cd03e8cd03e9",
    "PositionTakenOver": "9a400305020104e0d2ff39a2c0ce000632ea940111cd03e8cd03e9",
    "LiquidationEnded": "95410305a862616e6b7275707400",
    "BankruptcyDeclared": "96420305efcd03e8ae6e6f20657175697479206c656674",
    "InsuranceFundCredited": "9550030502cd40b4",
    "InsuranceFundDebited": "955103050211",
    "ShortfallDeclared": "97520305aa62616e6b727570746379cd4650cd4268fd",
    "DeleveragingStarted": (
        "9e5301a9696e76656e746f727903af70726f6669742d6c65766572616765020104e0d2ff39a2c0ce000632ea06c4010708"
    ),
    "PositionDeleveraged": "9e5401030204060107f0ce000632ead2ff9cd16005cf7fffffffffffffff940111cd03e8cd03e9",
    "DeleveragingEnded": "995501a9696e76656e746f727903020104100f",
    "LossSocialized": "955603050607",
    "BalanceWrittenOff": "955703050209",
    "ProfitCapExceeded": "975801d1fc7cce00014ff0ce000186a0ce000cf850ce000bbfd0",
    "ShortfallRemained": "945902a9696e76656e746f7279cd01f5",
    "FundDeficitDeclared": "985a03050228e20a3d",
    "TradingHalted": "956401ce00065518ce0005a550cd1388",
    "TradingResumed": "926501",
    "TimerSet": "9666af6d617267696e20726573706f6e7365cd1770050103",
    "TimerFired": "96672caf6d617267696e20726573706f6e7365050103",
    "HandlerStateNoted": "9468ae696e737572616e63655f66756e64a47065616b9201fe",
    "BookPriced": (
        "9e7801ce00065518d2ffd23940ce0006503bce00064d48cd27102802ce00064dacce00030d40cf000000606452ac00cd03e8ce002dc6c0"
    ),
    "DepthFormed": "96790192920acd01f49232cd07d092920acd01909232cd076c92c0089208c0",
    "QuotesPlaced": "987a0801ce00064f3c02cd01f403cd0190",
    "LiquidityWithdrawn": "967b0801aa766f6c6174696c697479ce00186a00ce0016e360",
    "LiquidityReturned": "937c0801",
    "OrderPlaced": "9b7d09050107f0a473746f70a473746f70ce00061a80ce0005f370c3",
    "OrderFilled": "9c7e090a05080107f0ce00061698d2ff9e9680032c",
    "OrderCancelled": "967f09050103b96e6f2064657074682077697468696e20746865206c696d6974",
    "OrderRefused": "9acc8409050103ae696e697469616c206d617267696ecd04b0cd044c0000",
    "CollateralWithdrawn": "93cc8005ce0003d090",
    "FundingRated": "98cc8101d2fffb6c20ce0001d4c0d2fffbba40d2fffc2f70cd02bcd1fda8",
    "CampaignStarted": "9acc820801a774726967676572ce00065130d1fc7ccd0320cd03522829",
    "CampaignEnded": ("9ccc830801a774726967676572cd0122d1fc7cd2fffa52e0d2fffa81c0cd1388cd2ee003ce00061e68"),
    "IndexPriced": (
        "95cc8601ce000649609293a5616c706861ce00064d48cd138893a76f757473696465ce00064578cd13889193a462657461ce0004"
        "93e0a76f75746c696572"
    ),
    "TransferStarted": "95cc870506ce000f4240cd1770",
    "TransferArrived": "94cc8806ce000f4240cd012c",
    "FaultStarted": "9ecc8c01ac6d616e6970756c6174696f6ecd177001a56d616b6572050a14e22832c3c2",
    "FaultEnded": "94cc8d01a66f757461676501",
    "ActDelayed": "97cc8e0105ac666f72636564206f72646572cd17700903",
    "AuctionOpened": "9ccc8f0309050101f8ce00065130c30a141e",
    "AuctionFilled": "9ecc9003090a05060101f8ce00065194d2ffcd7360033228",
    "AuctionEnded": "97cc910309050103be746865206d6f737420646973636f756e7420666f756e64206e6f626f6479",
    "VaultDeposited": "94cc920502cd03e8",
    "VaultShared": "96cc930502e2f6cd03de",
    "ConversionSet": "96cc96010002ce000186a00a",
    "CollateralRated": "94cc970102929200ce000e7ef092ce000f4240ce000dbba0",
    "InitialCollateralRated": "94cc9e0102919200ce000c3500",
    "CollateralDiscounted": "95cc9f01021ecd2710",
    "ConversionPriced": "95cc980102cdfde8ce00017ed0",
    "CoinStated": "95cc990501ce000f4240940111cd03e8cd03e9",
    "CoinDeposited": "95cc9a0501ce0003d090940111cd03e8cd03e9",
    "CoinWithdrawn": "95cc9b0501ce0001e848940111cd03e8cd03e9",
    "CollateralSold": "9bcc9c03050102ce000249f0ce00017ae8fecdfcbc07b3746865206163636f756e74206f776564206974",
    "InterestCharged": "95cc9d050ccdbb80ce0003d090",
    "RedemptionRequested": "98ccc8050102ce000249f0ce000180c4cd7530cd1b58",
    "RedemptionPaid": "96ccc90502ce00023e38ce00017ed0cd0136",
    "BlockMined": "94ccafcd019ccf000000161e70f600ce001ab3f0",
    "OracleReported": "95ccb00102cdfde8b4697420686164206d6f76656420627920302e3525",
    "DebtIndexed": "95ccb100cf00038d817007f800ce02aea540ce000c65d4",
    "InterestSettled": "96ccb2050600cd04b0cf00038d817007f800",
    "CollateralSeized": "9eccb305060102cdfde8cdcd14ccfa00ce01efe920ce38b607dacd1388cd01f4ce0010c8e0",
    "GasCharged": "95ccb406cd80e8ce0005554fcf0000001695a68a00",
    "BadDebtRealised": "94ccb50500ce000ae62d",
    "BadDebtCovered": "96ccb6050700ce000aae60ad736166657479206d6f64756c65",
    "BlockReorganised": "93ccb7cd019b02",
    "SeizureReversed": "98ccb8050601cdcd14ccfa00ce01efe920",
    "CollateralAuctioned": "9dccb90305070102cd9c4000ce05f5e100ce06bc3e40ce00014a14ce3ade68b1cd0514",
    "LotSold": "9cccba0307060102cdfa00cd55f000ce068e7780cd4650ce002dc6c0",
    "AuctionRestarted": "95ccbb0302ce00013880bc697473207072696365206861642066616c6c656e20746f6f20666172",
    "AuctionClosed": "99ccbc03050701cd465000ce001e8480ce0016e360",
    "BidPlaced": "98ccbd03070600cdc35001cd9c40",
    "BidRefunded": "96ccbe03070600cdbb80",
    "KeeperRewarded": "96ccbf060700ce0001b96803",
    "CollateralAbsorbed": "9bccc005070102cdfde8cd9c4000ce0178e460ce3b023380cd01f4",
    "ReserveSold": "9accc107060102cdfde8cd9c4000ce0182cf70ccfa",
    "CoinsSold": (
        "9bccc204060102cdcc1ace020545e0facdfd8409d92561206b6565706572207475726e73207768617420697420676f742069"
        "6e746f206d6f6e6579"
    ),
    "CollateralLooped": "97ccc3050201cd9c4000ce018cba80",
    "LoopUnwound": "98ccc4050201cd9c4000ce018cba8001",
    "DebtRepaid": "97ccc50500ce0013d620ce0013d621ce3cdb3940cd2904",
    "CollateralSupplied": "97ccc60501cd07d0ce0013af10ce3cbcb4c0cd2904",
    "BorrowerSold": (
        "9bccc704050102cd9c40ce018b33e0fccdfd2006d92e697473206865616c746820666163746f722077617320312e3032313030302c20"
        "756e64657220312e303530303030"
    ),
    "OptionListed": "98cca00702ce0001d4c0a463616c6ca4636173680a01",
    "SurfaceSet": (
        "93cca1029295a732374445433234cd2328ce0001c90895ce000f4240ce01312d00d2ee1e5d0000ce05f5e1009095a732384d4152"
        "3235ce000182b8ce0001c908909292ce0001adb0ce23c3460092ce0001d4c0ce20c85580"
    ),
    "VolatilityMarked": "95cca202ce0001adb0ce001312d0cdc350",
    "DeliveryStarted": "94cca302cd2328ce0001ccf0",
    "DeliveryPriced": "95cca402cd2328cf000001a3185c5000cf0000001b8841b6c8",
    "OptionExpired": "93cca50700",
    "OptionSettled": "98cca60507000c23cd01a403",
    "HedgeOrdered": "9ccca70309050100f8ce0006510001c2cd03e8cd0280",
    "InvariantBroken": (
        "9acccdb86f6e652041444c20707269636520616e20696e7374616e74d927617420746865207072696365206265666f72652074686973"
        "206f6e65202874686520646f637329a57072696365a765786163746c79cd019dcd019e010503"
    ),
    "BatchSettled": "96ccd204030502d0c4",
    "BailInCharged": "96ccd3030506cd038428",
    "AdlPremiumPaid": "95ccd4050207cd03e8",
    "AdlCompensated": "96ccd50406023214",
    "OrderingSet": "92ccdcaa333a312c31372e323a35",
    "PluginNoted": (
        "98cd2710cd271aa94c6f616e4e6f746564b03031323334353637383961626364656692a742414c414e4345a44d41524bad7b226163"
        "636f756e74223a357d0501"
    ),
    "PluginPaid": (
        "9bcd2711cd271bac4e6967687443686172676564b03031323334353637383961626364656691a452554c45ad7b226163636f756e74"
        "223a357d0502cd03840501"
    ),
}
ENVELOPE = "97cd012cce3b9aca0001cd012b9204080b"

TAG_GROUPS = {"run": (1, 9), "listing": (10, 19), "inputs": (20, 39), "margin": (40, 59), "liquidation": (60, 79)}
TAG_GROUPS |= {"waterfall": (80, 99), "venue": (100, 119), "trading": (120, 133), "venues": (134, 139)}
TAG_GROUPS |= {
    "faults": (140, 142),
    "auctions": (143, 149),
    "collateral": (150, 159),
    "options": (160, 174),
    "chain": (175, 184),
    "lots": (185, 194),
    "loans": (195, 199),
    "redemption": (200, 204),
    "invariants": (205, 209),
    "sharing": (210, 219),
    "ordering": (220, 224),
    "plugins": (10_000, 10_009),
}

PUBLIC = """AssetListed AuctionRestarted BlockMined BlockReorganised BookPriced CollateralDiscounted CollateralRated
ConversionPriced ConversionSet DebtIndexed DeliveryPriced DeliveryStarted DepthFormed DepthQuoted FaultEnded
FundingAccrued FundingRateSet FundingRated HandlerStateNoted IndexPriced InitialCollateralRated
InstrumentListed LimitsStated MarkPriced OptionExpired OptionListed OracleReported OrderingSet PriceTicked
ProfitCapExceeded RulesAnnounced RulesChanged RunEnded RunForked RunStarted SourceOpened SurfaceSet
TradingHalted TradingResumed VolatilityMarked"""

_BY_NAME = pytest.mark.parametrize("body", EXAMPLES, ids=lambda body: type(body).__name__)


def _event(body: Body) -> Event:
    return Event(300, 1_000_000_000, Origin.DECIDED, 299, (4, 8), 11, body)


@_BY_NAME
def test_the_bytes_are_pinned(body: Body) -> None:
    """An example of the type encodes to the bytes that it always had."""
    assert msgspec.msgpack.encode(body).hex() == PINNED[type(body).__name__]


@_BY_NAME
def test_the_envelope_is_pinned(body: Body) -> None:
    """An event is an array of seven: the envelope's six fields, pinned, and the body as it is."""
    assert encode_event(_event(body)).hex() == ENVELOPE + PINNED[type(body).__name__]


@_BY_NAME
def test_pinned_bytes_decode_to_the_example(body: Body) -> None:
    """What was written once is read back as the value that it was."""
    assert decode_event(bytes.fromhex(ENVELOPE + PINNED[type(body).__name__])) == _event(body)


def test_every_type_has_an_example_and_a_pin() -> None:
    """No type is left out, none is named that is not there, and every field of the examples is set."""
    names = [body_type.__name__ for body_type in BODY_TYPES]
    assert [type(example).__name__ for example in EXAMPLES] == names == list(PINNED) == list(TYPES_BY_NAME)
    fields = [(type(e).__name__, name) for e in EXAMPLES for name in e.__struct_fields__ if getattr(e, name) is None]
    assert fields == []


def test_tags_are_unique_and_in_their_group() -> None:
    """A tag belongs to one type, and lies in the range of the file that the type is declared in."""
    tags = {body_type: body_type.__struct_config__.tag for body_type in BODY_TYPES}
    assert len(set(tags.values())) == len(BODY_TYPES)
    for body_type, tag in tags.items():
        low, high = TAG_GROUPS[body_type.__module__.rpartition(".")[2]]
        assert low <= tag <= high, f"{body_type.__name__} has tag {tag}"


def test_names_are_facts_in_the_past_tense() -> None:
    """Every type says what happened."""
    past = re.compile(r"[A-Za-z]+(ed|drawn|Broken|Over|Set|Met|Off|Sold|Paid|Repaid|Unwound)")
    assert [name for name in TYPES_BY_NAME if not past.fullmatch(name)] == []


def test_only_types_without_accounts_are_public() -> None:
    """Ticks, marks, depth and what exists name no account; everything else is a leaf of its own."""
    assert {body_type.__name__ for body_type in PUBLIC_TYPES} == set(PUBLIC.split())


def test_no_field_that_holds_an_account_is_overlooked() -> None:
    """Of all whole-number fields, those with an account's name are the ones that are looked for."""
    suspects = re.compile(r"account|owner|parent|against|fund|counterparty|bankrupt|payer|payee")
    for body_type in BODY_TYPES:
        looked_for = set(ACCOUNT_FIELDS[body_type])
        found = {name for name in body_type.__struct_fields__ if suspects.search(name)}
        others = {"against_leg", "counterparty_leg", "parent_head"}
        assert found - others == looked_for, body_type.__name__


def test_the_accounts_of_a_body_are_named() -> None:
    """A reduction names the reduced and the bankrupt; one that names none gives nothing; None is no account."""
    by_name = {type(example).__name__: example for example in EXAMPLES}
    assert sorted(accounts_named(by_name["PositionDeleveraged"])) == [2, 6]
    assert accounts_named(by_name["AccountOpened"]) == (8, 7, 6)
    assert accounts_named(by_name["MarkPriced"]) == ()
    assert accounts_named(TYPES_BY_NAME["TimerSet"]("funding", 5, None, 1)) == ()
    for example in EXAMPLES:
        fields = [getattr(example, name) for name in ACCOUNT_FIELDS[type(example)]]
        assert accounts_named(example) == tuple(value for value in fields if value is not None)


def test_bodies_are_frozen() -> None:
    """An event is never changed."""
    for body in EXAMPLES:
        with pytest.raises(AttributeError):
            setattr(body, body.__struct_fields__[0], 0)
    with pytest.raises(AttributeError):
        _event(EXAMPLES[0]).seq = 1


@pytest.mark.parametrize("spoilt", ["97cd012c", "00", ENVELOPE + "9163", ENVELOPE + "93282801"])
def test_other_bytes_are_refused(spoilt: str) -> None:
    """Bytes cut short, of another kind, of an unknown tag or without the fields do not decode to anything."""
    with pytest.raises((msgspec.DecodeError, msgspec.ValidationError)):
        decode_event(bytes.fromhex(spoilt))


def test_a_field_that_a_newer_version_added_is_passed_over() -> None:
    """An array with one field more still decodes: so versions can add, at the end."""
    longer = bytes.fromhex(ENVELOPE + "93656309")
    assert decode_event(longer).body == TYPES_BY_NAME["TradingResumed"](99)


def test_the_schema_is_1() -> None:
    """The number is raised only together with the bytes above."""
    assert SCHEMA == 1
