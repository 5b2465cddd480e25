"""The rule of schedules once more, independently: Python's zoneinfo on the tzdata package.

Slow and obvious, written from the text of docs/decisions/0008-schedules.md; it shares nothing with
Doorward. Speaks JSON lines. Orders:

    {"order": "zones"}
    {"order": "transitions", "zone": ..., "from": s, "until": s}
    {"order": "judge", "schedule": {...}, "sets": [...], "at": [s, ...]}
"""

import datetime
import json
import sys
import zoneinfo

# The package alone: the system's own database may be older.
zoneinfo.reset_tzpath([])

DAY = datetime.timedelta(days=1)
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def easter(year):
    """By Oudin's computus (1940)."""
    golden = year % 19
    century = year // 100
    h = (century - century // 4 - (8 * century + 13) // 25 + 19 * golden + 15) % 30
    i = h - (h // 28) * (1 - (29 // (h + 1)) * ((21 - golden) // 11))
    j = (year + year // 4 + i + 2 - century + century // 4) % 7
    days = i - j
    month = 3 + (days + 40) // 44
    return datetime.date(year, month, days + 28 - 31 * (month // 4))


def month_days(year, month):
    """Every day of a month."""
    day = datetime.date(year, month, 1)
    days = []
    while day.month == month:
        days.append(day)
        day += DAY
    return days


def plain_days(on, year):
    """The days of one holiday in a year, before anything is made up for weekends."""
    kind, at = next(iter(on.items()))
    if kind == "yearly":
        return [day for day in month_days(year, at["month"]) if day.day == at["day"]]
    if kind == "nth_weekday":
        days = month_days(year, at["month"])
        days = [day for day in days if WEEKDAYS[day.weekday()] == at["weekday"]]
        return [days[at["nth"] - 1 if at["nth"] > 0 else at["nth"]]]
    if kind == "weekday_from":
        day = datetime.date(year, at["month"], at["day"])
        while WEEKDAYS[day.weekday()] != at["weekday"]:
            day += DAY
        return [day]
    if kind == "easter":
        return [easter(year) + at["days"] * DAY]
    first = datetime.date.fromisoformat(at["date"])
    last = datetime.date.fromisoformat(at.get("last") or at["date"])
    days = [first + n * DAY for n in range((last - first).days + 1)]
    return days if first.year == year else []


def days_of(holiday_set, year):
    """All days that the holidays of a year make holidays."""
    days = []
    for holiday in holiday_set["holidays"]:
        if holiday.get("from_year") and year < holiday["from_year"]:
            continue
        if holiday.get("until_year") and year > holiday["until_year"]:
            continue
        for day in plain_days(holiday["on"], year):
            days.append((day, holiday.get("observed", "on_the_day")))
    days.sort(key=lambda each: each[0])
    all_days = {day for day, _ in days}
    for day, observed in days:
        if day.weekday() < 5:
            continue
        if observed == "nearest_weekday":
            all_days.add(day - DAY if day.weekday() == 5 else day + DAY)
        if observed == "next_weekday":
            instead = day
            while instead.weekday() >= 5 or instead in all_days:
                instead += DAY
            all_days.add(instead)
    return all_days


class Site:
    """A schedule with its holiday sets."""

    def __init__(self, schedule, sets):
        self.schedule = schedule
        self.zone = zoneinfo.ZoneInfo(schedule["time_zone"])
        self.sets = {each["id"]: each for each in sets}
        self.years = {}
        self.known = {}

    def is_holiday(self, set_id, day):
        for year in (day.year - 1, day.year, day.year + 1):
            key = (set_id, year)
            if key not in self.years:
                self.years[key] = days_of(self.sets[set_id], year)
            if day in self.years[key]:
                return True
        return False

    def of_day(self, day):
        """Which entry the hours of a day come from, and what they are."""
        if day not in self.known:
            self.known[day] = self.look_up(day)
        return self.known[day]

    def look_up(self, day):
        for nth, each in enumerate(self.schedule["exceptions"]):
            first = datetime.date.fromisoformat(each["date"])
            last = datetime.date.fromisoformat(each.get("last") or each["date"])
            if first <= day <= last:
                return ("exception", nth), each["hours"]
        for nth, rule in enumerate(self.schedule["holidays"]):
            if self.is_holiday(rule["set"], day):
                return ("holiday", nth), rule["hours"]
        weekday = WEEKDAYS[day.weekday()]
        return None, [each for each in self.schedule["weekly"] if each["day"] == weekday]

    def is_open(self, at):
        local = datetime.datetime.fromtimestamp(at, self.zone)
        minute = local.hour * 60 + local.minute
        day = local.date()
        entry, hours = self.of_day(day)
        for each in hours:
            begin, end = each["from_minute"], each["until_minute"]
            if begin <= minute and (minute < end or end <= begin):
                return True
        entry_before, hours_before = self.of_day(day - DAY)
        if entry is not None and entry != entry_before:
            return False
        for each in hours_before:
            if each["until_minute"] <= each["from_minute"] and minute < each["until_minute"]:
                return True
        return False


def transitions(name, begin, end):
    """Every second at which the offset changes, found by looking twice a day."""
    zone = zoneinfo.ZoneInfo(name)

    def offset(at):
        return datetime.datetime.fromtimestamp(at, zone).utcoffset()

    found = []
    step = 43_200
    before, at = offset(begin), begin
    while at < end:
        now = offset(at + step)
        if now != before:
            low, high = at, at + step
            while high - low > 1:
                middle = (low + high) // 2
                if offset(middle) == before:
                    low = middle
                else:
                    high = middle
            found.append(high)
        before, at = now, at + step
    return found


def answer(order):
    if order["order"] == "zones":
        return {"zones": sorted(zoneinfo.available_timezones()), "tzdata": tzdata_version()}
    if order["order"] == "transitions":
        return {"transitions": transitions(order["zone"], order["from"], order["until"])}
    site = Site(order["schedule"], order["sets"])
    return {"open": "".join("1" if site.is_open(at) else "0" for at in order["at"])}


def tzdata_version():
    import tzdata

    return tzdata.IANA_VERSION


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
