"""Deletion of the events of distinct IDs that have no person: plan, requests, verification, report (contract 13).

The distinct IDs of a job are divided into chunks. Of each chunk, one data deletion request (in short: request) is
submitted to PostHog, which has it under its request ID; the submission ID makes a repetition the same request.
"""
